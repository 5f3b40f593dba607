"""Every setting of an experiment, declared once.

A new setting is one line here and the code that reads it: flags, Python keywords,
`experiment.json`, component parameters and the report are derived from the line.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from akp_keras import similarity
from akp_keras.data import check_dataset_name
from akp_keras.data.probe import FEWEST_PROBE_SAMPLES
from akp_keras.hotswap.calls import parse_call
from akp_keras.models import check_model_name
from akp_keras.settings.family import Family, Member, canonical_families
from akp_keras.settings.field import Group, declarations, setting
from akp_keras.settings.snapshot_epochs import parse_snapshots
from akp_keras.stress import StressDistribution, canonical_stress, draw_schedules

# Hot-swaps alone, for two classes. Saturating functions cost most where they come late; of the
# losses, those of Tversky that weigh one error far more than the other cost most.
_STRESS = (
    "activation=relu|tanh|sigmoid|hard_sigmoid; "
    "loss=binary_crossentropy|hinge|Tversky(alpha=0.1,beta=1)|Tversky(alpha=0.02,beta=1); "
    "activation=tanh|sigmoid loss=hinge|Tversky(alpha=0.02,beta=1); swaps=1..3 times=0.3..1"
)


def _dataset(name: str) -> str:
    check_dataset_name(name)
    return name


def _model(name: str) -> str:
    check_model_name(name)
    return name


def _patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression ({error})") from error
    return tuple(patterns)


def _optimizer(text: str) -> str:
    """Return the text without spaces; the name is checked where Keras is imported."""
    text = "".join(text.split())
    try:
        call = parse_call(text)
    except ValueError as error:
        raise ValueError(f"--optimizer={text} {error}") from error
    if call.arguments or "learning_rate" in dict(call.options):
        raise ValueError(
            f"--optimizer={text}: parameters have names, as in AdamW(weight_decay=1e-4), and the "
            "learning rate has a flag of its own, --learning_rate"
        )
    return text


def _measures(identifiers: Sequence[str]) -> tuple[str, ...]:
    """Return full identifiers, by which files are named."""
    full = tuple(similarity.measure(identifier).id for identifier in identifiers)
    for identifier in full:
        if full.count(identifier) > 1:
            raise ValueError(f"--measures names {identifier} twice; name each measure once")
    return full


@dataclass(frozen=True, kw_only=True)
class Families(Group, stage="families"):
    """The families, each as `name: schedule`, and their number of members."""

    families: tuple[str, ...] = setting(
        (),
        "A family: 'name: when what…; when what…'. When is @EPOCH, @step:N or "
        "@plateau(metric,patience=k). What is activation= or loss= with a Keras name and an "
        "optional filter of layers, as in activation[block2.*]=tanh; optimizer.learning_rate=, "
        "dropout=, weights=noise(sigma), inputs=noise(sigma); or labels=random(p), which redraws "
        "a fraction p of the training labels, the same for all members. 'name members=K: …' has "
        "K members.",
        flag="family",
        separator="\n",
        parse=canonical_families,
    )
    members: int = setting(8, "Members per family; they differ by seed.", least=1, most=10**6)

    @property
    def parsed_families(self) -> tuple[Family, ...]:
        """The families with their schedules, in order."""
        return tuple(map(Family.parse, self.families))


@dataclass(frozen=True, kw_only=True)
class Control(Group, stage="families"):
    """The reference family."""

    control: str = setting("control", "The family that the others are compared with.")


@dataclass(frozen=True, kw_only=True)
class RandomFamilies(Group, stage="families"):
    """Families whose schedules are drawn at random."""

    random_families: int = setting(
        0,
        "Number of families random000, random001, … whose schedules are drawn from --stress by "
        "--seed. A --family of such a name takes the place of the drawn one.",
        least=0,
        most=10**4,
    )
    random_members: int = setting(1, "Members per random family.", least=1, most=10**6)
    stress: str = setting(
        _STRESS,
        "The distribution of random schedules: kinds of stress between semicolons, each one or "
        "more targets with the values from which every swap draws, target=value|value, and "
        "optionally weight=, its share; the number of swaps, swaps=1..3; their time as a fraction "
        "of the training, times=0..1. a..b in a value, as in weights=noise(0.1..1), is a range.",
        parse=canonical_stress,
    )

    def draw_families(self, control: Family, epochs: int, seed: int) -> list[Family]:
        """Draw the random families; the first ones do not depend on their number.

        Raises:
            ValueError: in one line that names the flag.
        """
        try:
            schedules = draw_schedules(
                StressDistribution.parse(self.stress),
                control.schedule,
                self.random_families,
                epochs=epochs,
                seed=seed,
            )
        except ValueError as error:
            raise ValueError(f"--random_families={self.random_families}: {error}") from error
        return [
            Family(f"random{number:03d}", schedule, self.random_members)
            for number, schedule in enumerate(schedules)
        ]


@dataclass(frozen=True, kw_only=True)
class Seed(Group, stage="families"):
    """The source of all random numbers."""

    seed: int = setting(
        0,
        "Seed of the experiment: of members, probe set, random labels and tests.",
        least=0,
        most=2**32 - 1,
    )


@dataclass(frozen=True, kw_only=True)
class Data(Group, stage="data"):
    """The data set, and the probe set that is drawn from it."""

    dataset: str = setting(
        "synthetic_cells",
        "synthetic_cells, digits or wisconsin_breast_cancer; tfds:NAME of TensorFlow Datasets; "
        "folder:PATH[size=96] with one subfolder of images per class; npz:FILE with inputs and "
        "labels; csv:FILE[label=COLUMN,group=COLUMN,id=COLUMN]; or MODULE:FUNCTION, which returns "
        "arrays or a data set of Keras or TensorFlow.",
        parse=_dataset,
    )
    max_samples: int | None = setting(
        None, "Maximum number of samples per split.", least=1, most=2**63 - 1
    )
    data_dir: str | None = setting(
        None,
        "Folder of prepared data sets; by default that of TensorFlow Datasets.",
        in_results=False,
    )
    probe_samples: int | None = setting(
        None,
        "Test samples in the probe set, as many of each class; by default up to 256, as many as "
        "the rarest class allows.",
        least=FEWEST_PROBE_SAMPLES,
        most=10**7,
    )


@dataclass(frozen=True, kw_only=True)
class Training(Group, stage="training"):
    """How a member is trained."""

    model: str = setting(
        "small_cnn",
        "mlp or small_cnn; keras:FILE for a model that Keras has saved; or MODULE:FUNCTION, which "
        "is called with those of input_shape, classes, mean and variance that it takes, and "
        "returns a model.",
        parse=_model,
    )
    taps: tuple[str, ...] = setting(
        (),
        "Layers whose outputs are compared, separated by commas: names, or regular expressions "
        "that match whole names. By default those that the model declares, or up to six layers "
        "with weights.",
        parse=_patterns,
    )
    initial_weights: str = setting(
        "as_built",
        "as_built keeps weights that the building of the model sets, such as those of a file, and "
        "draws the others per member; shared draws the others once for all members; own draws all "
        "weights per member.",
        choices=("as_built", "own", "shared"),
    )
    epochs: int = setting(8, "Epochs per member.", least=1, most=10**6)
    batch_size: int = setting(32, "Samples per step.", least=1, most=10**7)
    optimizer: str = setting(
        "adam",
        "A Keras optimizer by name, with parameters in parentheses where needed, as in "
        "AdamW(weight_decay=1e-4).",
        parse=_optimizer,
    )
    learning_rate: float = setting(1e-3, "The optimizer's learning rate.", above=0)
    steps_per_execution: int = setting(
        8, "Training steps between two calls of Keras callbacks.", least=1, most=10**4
    )
    snapshots: str = setting(
        "",
        "Epochs, from 0, after which the probe set's representations are kept: a list (0,2,5) or "
        "every:k; the last epoch is always included. Off by default. TensorBoard then shows how "
        "families part during training, updated after each member and at the end. Convolutional "
        "maps are averaged over their positions, regardless of --spatial.",
        stage="tensorboard",
    )

    def check(self) -> None:
        """Replace `snapshots` by a list of epochs."""
        super().check()
        try:
            epochs = parse_snapshots(self.snapshots, self.epochs)
        except ValueError as error:
            raise ValueError(f"--snapshots: {error}") from error
        object.__setattr__(self, "snapshots", ",".join(map(str, epochs)))

    @property
    def snapshot_epochs(self) -> tuple[int, ...]:
        """Epochs, from 0, after which snapshots are taken."""
        return parse_snapshots(self.snapshots, self.epochs)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(Families, Seed, Data, Training):
    """Everything that trained members depend on."""

    def check(self) -> None:
        """Raise a ValueError if training does not reach a swap."""
        super().check()
        for family in self.parsed_families:
            family.check(self.epochs)

    def planned_members(self, first: int = 0) -> list[Member]:
        """Return all members, family by family, numbered from `first`."""
        return [
            Member(family, seed, self.seed)
            for family in self.parsed_families
            for seed in range(first, first + (family.members or self.members))
        ]

    def shared_values(self) -> dict[str, Any]:
        """Return the settings that members must share to be comparable."""
        groups = (Seed, Data, Training)
        shared = {declared.name for group in groups for declared in declarations(group)}
        if not self.snapshots:
            # Training does not depend on the probe set.
            shared.remove("probe_samples")
        return {name: value for name, value in self.values().items() if name in shared}


@dataclass(frozen=True, kw_only=True)
class Measures(Group, stage="similarity"):
    """The measures of similarity."""

    measures: tuple[str, ...] = setting(
        ("cka.linear", "cka.linear.debiased", "procrustes.angular"),
        "Ids of measures, separated by commas; the first is the leading measure.",
        parse=_measures,
    )

    def check(self) -> None:
        """Raise a ValueError for an empty list."""
        super().check()
        if not self.measures:
            raise ValueError("--measures is empty; name at least one, for example cka.linear")


@dataclass(frozen=True, kw_only=True)
class SomeMeasures(Group, stage="similarity"):
    """The measures that a step takes from a folder of matrices."""

    measures: tuple[str, ...] = setting(
        (), "Ids of measures, separated by commas, the leading one first; empty for all."
    )


@dataclass(frozen=True, kw_only=True)
class Spatial(Group, stage="similarity"):
    """How convolutional maps become rows and features."""

    spatial: str = setting(
        "flatten",
        "How convolutional maps become rows and features.",
        choices=tuple(similarity.SPATIAL_POLICIES),
    )


@dataclass(frozen=True, kw_only=True)
class Memory(Group, stage="similarity"):
    """A bound on memory; it sets the blocks of pairs, and so the last digits of results."""

    memory_gb: float = setting(4.0, "Bound on the memory of the comparison, in GiB.", above=0)


@dataclass(frozen=True, kw_only=True)
class Test(Group, stage="dispersion and verdict"):
    """The test of the principle."""

    permutations: int = setting(9999, "Permutations of the test.", least=99, most=10**8)
    alpha: float = setting(0.05, "Family-wise error rate of the verdicts.", above=0, below=1)
    margin: float = setting(
        0.01, "Largest difference in test accuracy that counts as equal.", least=0
    )

    def check(self) -> None:
        """Raise a ValueError if no p-value can be as small as `alpha`."""
        super().check()
        if self.alpha * (self.permutations + 1) < 1:
            needed = 1 / self.alpha - 1
            needed = math.ceil(needed) if math.isfinite(needed) else needed
            raise ValueError(
                f"--permutations={self.permutations} are too few for a p-value of "
                f"--alpha={self.alpha}; at least {needed} are needed"
            )


@dataclass(frozen=True, kw_only=True)
class View(Group, stage="tensorboard"):
    """What TensorBoard shows."""

    projector_members: int = setting(
        1,
        "Members per family whose probe samples the projector shows. Of more than twelve families, "
        "those of one or two members stand for all of their kind of stress.",
        least=1,
        most=10**6,
    )


@dataclass(frozen=True, kw_only=True)
class Workers(Group, stage="running"):
    """The processes that do the work."""

    workers: int = setting(
        os.cpu_count() or 1,
        "Processes on this machine; results do not depend on their number.",
        least=1,
        most=10**4,
        in_results=False,
    )


@dataclass(frozen=True, kw_only=True)
class Running(Workers, stage="running"):
    """Where and how an experiment is run."""

    run_dir: str = setting(
        "RUN",
        "Folder of the results; an interrupted run resumes where it stopped, and a finished run "
        "grows.",
        in_results=False,
    )
    dask_scheduler: str | None = setting(
        None,
        "Address of a Dask scheduler (tcp://host:port) whose workers replace the processes; they "
        "need one thread each and access to the same --run_dir and --data_dir.",
        in_results=False,
    )

    def check(self) -> None:
        """Raise a ValueError for an empty name."""
        super().check()
        if not self.run_dir:
            raise ValueError("--run_dir is empty; name a folder for the results")


@dataclass(frozen=True, kw_only=True)
class Experiment(TrainingSettings, RandomFamilies, Control, Measures, Spatial, Memory, Test, View):
    """Everything that an experiment's results depend on; equal settings produce equal bytes."""

    def check(self) -> None:
        """Add the random families; raise a ValueError for what cannot be compared or tested."""
        self._add_random_families()
        super().check()
        if len(self.families) < 2:
            raise ValueError(
                f"--family names {len(self.families)} of at least two families: an experiment "
                "compares a control and a perturbed family"
            )
        check_control(self.control, [family.name for family in self.parsed_families])
        for identifier in self.measures:
            declared = similarity.measure(identifier)
            if not declared.distances or declared.takes != "representation":
                raise ValueError(
                    f"--measures: {declared.id} has no distance between representations, which "
                    "dispersion needs; docs/similarity.md lists those that have one"
                )

    def _add_random_families(self) -> None:
        if not self.random_families:
            return
        families = {family.name: family for family in self.parsed_families}
        check_control(self.control, list(families))
        for family in self.draw_families(families[self.control], self.epochs, self.seed):
            families.setdefault(family.name, family)
        object.__setattr__(self, "families", tuple(map(str, families.values())))

    @property
    def is_drawn(self) -> bool:
        """Whether all families but the control are drawn at random."""
        return self.random_families == len(self.families) - 1

    @property
    def title(self) -> str:
        """Title of the experiment's report."""
        return f"Families of {self.model} on {self.dataset}"

    def texts(self) -> dict[str, str]:
        """Return the settings that a report shows: flag -> text, one entry per family."""
        texts = {
            f"family={family.heading}": str(family.schedule) for family in self.parsed_families
        }
        for declared in declarations(type(self)):
            value = getattr(self, declared.name)
            if declared.flag != "family" and declared.in_results and value not in (None, ""):
                texts[declared.flag] = declared.text(value)
        return texts


def check_control(control: str, families: Sequence[str]) -> None:
    """Raise a ValueError that names the flag and the families if the control is not a family."""
    if control not in families:
        raise ValueError(f"--control={control} is not one of the families ({', '.join(families)})")
