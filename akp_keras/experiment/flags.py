"""The flags of an experiment, by stage."""

from __future__ import annotations

import os
from dataclasses import dataclass

from absl import flags

from akp_keras.command_line import list_under, split_identifiers
from akp_keras.experiment.family import parse_families
from akp_keras.experiment.settings import ExperimentSettings
from akp_keras.models import list_models
from akp_keras.similarity import SPATIAL_POLICIES

STAGES = (
    "families",
    "data",
    "training",
    "similarity",
    "dispersion and verdict",
    "tensorboard",
    "running",
)


@dataclass(frozen=True)
class Execution:
    """How an experiment is run; nothing of its results follows from this.

    Attributes:
        run_dir: the run directory.
        data_dir: where data sets are kept; None for TensorFlow Datasets' own folder.
        workers: processes on this machine.
        dask_scheduler: address of a Dask scheduler, which then takes the place of the workers.
    """

    run_dir: str
    data_dir: str | None
    workers: int
    dask_scheduler: str | None

    def __post_init__(self) -> None:
        """Refuses numbers that cannot be.

        Raises:
            ValueError: in one line that names the flag and what would be right.
        """
        if self.workers < 1:
            raise ValueError(f"--workers={self.workers} must be at least 1")
        if not self.run_dir:
            raise ValueError("--run_dir is empty; name the folder that the results go to")


def define_flags(values: flags.FlagValues) -> None:
    """Defines all flags; each belongs to the stage under which the help lists it."""

    def stage(name: str, *holders: flags.FlagHolder) -> None:
        list_under(values, name, holders)

    here = {"flag_values": values}
    stage(
        "families",
        flags.DEFINE_multi_string(
            "family",
            [],
            "A family: 'name: when what…; when what…'. When is @EPOCH, @step:N or "
            "@plateau(metric,patience=k). What is activation= or loss= by a name of Keras, with a "
            "filter of layers where wanted, as in activation[block2.*]=tanh for one block; "
            "optimizer.learning_rate=, dropout=, weights=noise(sigma); or labels=random(p), which "
            "draws a fraction p of the training labels anew, the same for all members.",
            **here,
        ),
        flags.DEFINE_integer("members", 8, "Members a family; they differ by seed.", **here),
        flags.DEFINE_string(
            "control", "control", "The family that the others are compared with.", **here
        ),
        flags.DEFINE_integer(
            "seed",
            0,
            "Seed of the experiment: of members, probe set, random labels and tests.",
            **here,
        ),
    )
    stage(
        "data",
        flags.DEFINE_string(
            "dataset",
            "synthetic_cells",
            "synthetic_cells, wisconsin_breast_cancer, or tfds:NAME of TensorFlow Datasets.",
            **here,
        ),
        flags.DEFINE_integer("max_samples", None, "At most so many samples a split.", **here),
        flags.DEFINE_integer("probe_samples", 256, "Test samples in the probe set.", **here),
        flags.DEFINE_string(
            "data_dir",
            None,
            "Where data sets are kept; by default TensorFlow Datasets' own folder.",
            **here,
        ),
    )
    stage(
        "training",
        flags.DEFINE_string("model", "small_cnn", " or ".join(list_models()) + ".", **here),
        flags.DEFINE_integer("epochs", 8, "Epochs a member.", **here),
        flags.DEFINE_integer("batch_size", 32, "Samples a step.", **here),
        flags.DEFINE_string("optimizer", "adam", "A Keras optimizer by name.", **here),
        flags.DEFINE_float("learning_rate", 1e-3, "The optimizer's learning rate.", **here),
        flags.DEFINE_integer(
            "steps_per_execution", 8, "Steps that Keras takes between two callbacks.", **here
        ),
    )
    stage(
        "similarity",
        flags.DEFINE_string(
            "measures",
            "cka.linear,cka.linear.debiased,procrustes.angular",
            "Ids of measures, with commas between; the table leads with the first.",
            **here,
        ),
        flags.DEFINE_string(
            "spatial",
            "flatten",
            f"What becomes of convolutional maps: {', '.join(SPATIAL_POLICIES)}.",
            **here,
        ),
        flags.DEFINE_float(
            "memory_gb", 4.0, "Bound on the memory of the comparison, in GB.", **here
        ),
    )
    stage(
        "dispersion and verdict",
        flags.DEFINE_integer("permutations", 9999, "Permutations of the test.", **here),
        flags.DEFINE_float("alpha", 0.05, "Family-wise error rate of the verdicts.", **here),
        flags.DEFINE_float(
            "margin", 0.01, "Largest difference of test accuracy that counts as alike.", **here
        ),
    )
    stage(
        "tensorboard",
        flags.DEFINE_integer(
            "projector_members",
            1,
            "Members a family whose probe samples the projector shows.",
            **here,
        ),
        flags.DEFINE_string(
            "snapshots",
            "",
            "At the ends of which epochs, from 0, the probe set's representations are kept "
            "besides: a list (0,2,5) or every:k; the last epoch is always among them. Off by "
            "default. TensorBoard then shows families part over training, after each member while "
            "they train, and at the end. Convolutional maps are averaged over their positions, "
            "whatever --spatial says.",
            **here,
        ),
    )
    stage(
        "running",
        flags.DEFINE_string(
            "run_dir",
            "RUN",
            "Where the results go; a run that was interrupted goes on where it stopped.",
            **here,
        ),
        flags.DEFINE_integer(
            "workers",
            os.cpu_count() or 1,
            "Processes on this machine; results do not depend on how many.",
            **here,
        ),
        flags.DEFINE_string(
            "dask_scheduler",
            None,
            "Address of a Dask scheduler (tcp://host:port) whose workers do the work instead; "
            "they have one thread each and see the same --run_dir and --data_dir.",
            **here,
        ),
    )


def settings_from_flags(values: flags.FlagValues) -> ExperimentSettings:
    """Reads and checks what the results follow from.

    Raises:
        ValueError: in one line that names the flag, what is wrong, and what would be right.
    """
    return ExperimentSettings(
        families=parse_families(values.family),
        members=values.members,
        control=values.control,
        seed=values.seed,
        dataset=values.dataset,
        max_samples=values.max_samples,
        probe_samples=values.probe_samples,
        model=values.model,
        epochs=values.epochs,
        batch_size=values.batch_size,
        optimizer=values.optimizer,
        learning_rate=values.learning_rate,
        steps_per_execution=values.steps_per_execution,
        measures=split_identifiers(values.measures),
        spatial=values.spatial,
        memory_gb=values.memory_gb,
        permutations=values.permutations,
        alpha=values.alpha,
        margin=values.margin,
        projector_members=values.projector_members,
        snapshots=values.snapshots,
    )


def execution_from_flags(values: flags.FlagValues) -> Execution:
    """Reads and checks how the experiment is run.

    Raises:
        ValueError: in one line that names the flag, what is wrong, and what would be right.
    """
    return Execution(
        run_dir=values.run_dir,
        data_dir=values.data_dir,
        workers=values.workers,
        dask_scheduler=values.dask_scheduler,
    )
