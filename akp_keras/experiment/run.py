"""The stages of an experiment, in order, on one machine or a cluster.

Every stage leaves files that are whole or not there, and is passed over where they are there.
"""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np

from akp_keras.comparison import SimilarityMatrix, compare_members, matrix_path, read_matrix
from akp_keras.comparison.representations import representation_path, take_representations
from akp_keras.data import (
    ProbeSet,
    load_dataset,
    read_probe,
    take_probe_set,
    write_probe,
)
from akp_keras.experiment.executors import open_executor
from akp_keras.experiment.flags import Execution
from akp_keras.experiment.progress import progress
from akp_keras.experiment.run_directory import RunDirectory
from akp_keras.experiment.settings import ExperimentSettings
from akp_keras.experiment.verdicts import (
    Outcomes,
    read_outcomes,
    test_all_layers,
    write_outcomes,
    write_verdicts,
)
from akp_keras.export import MemberRecord, read_member
from akp_keras.models import tapped_layers
from akp_keras.report import format_table, write_report
from akp_keras.tensorboard import write_experiment
from akp_keras.training import TrainingSettings, check_training, train_members


def run_experiment(settings: ExperimentSettings, execution: Execution) -> str:
    """Trains, compares, tests and shows; goes on where an earlier run stopped.

    Args:
        settings: what the results follow from.
        execution: where and how it is run.

    Returns:
        The table of results and where to look further, as text.

    Raises:
        ValueError: in one line for people, for anything that cannot be run as it was asked for.
    """
    directory = RunDirectory(execution.run_dir)
    directory.refuse_other_run(settings)
    with open_executor(execution.workers, execution.dask_scheduler) as executor:
        probe = _prepare(settings, execution, directory, executor)
        members = _train(settings, execution, directory, executor)
        matrices = _compare(settings, execution, directory, executor, probe)
        outcomes = _test(settings, directory, members, matrices)
        _write_tensorboard(settings, directory, executor, members, matrices, outcomes, probe)
    _write_report(settings, directory, members, matrices, outcomes)
    return _summary(settings, directory, members, outcomes)


def _prepare(
    settings: ExperimentSettings,
    execution: Execution,
    directory: RunDirectory,
    executor: Executor,
) -> ProbeSet:
    """Claims the run directory once it is known that nothing stands in the way of the run."""
    if directory.probe.exists():
        directory.resume(settings)
        return read_probe(directory.probe)
    with progress("data, model, schedules", 1) as done:
        probe, description = executor.submit(
            _check_and_probe, settings.training(execution.data_dir), settings.probe_samples
        ).result()
        done("")
    directory.claim(settings, description)
    write_probe(directory.probe, probe)
    return probe


def _train(
    settings: ExperimentSettings,
    execution: Execution,
    directory: RunDirectory,
    executor: Executor,
) -> list[MemberRecord]:
    specifications = settings.member_specifications()
    missing = [member for member in specifications if not directory.member(member.name).exists()]
    if missing:
        there = len(specifications) - len(missing)
        with progress("training members", len(specifications), there=there) as done:
            train_members(
                settings.training(execution.data_dir),
                missing,
                directory.members,
                executor=executor,
                done=done,
            )
    return [read_member(directory.member(member.name)) for member in specifications]


def _compare(
    settings: ExperimentSettings,
    execution: Execution,
    directory: RunDirectory,
    executor: Executor,
    probe: ProbeSet,
) -> list[SimilarityMatrix]:
    layers = tapped_layers(settings.model)
    names = [member.name for member in settings.member_specifications()]
    paths = [
        matrix_path(directory.similarity, layer, measure)
        for layer in layers
        for measure in settings.measures
    ]
    if not all(path.exists() for path in paths):
        with progress("representations, matrices", len(names) + len(layers)) as done:
            compare_members(
                {name: directory.saved_model(name) for name in names},
                probe.inputs,
                settings.measures,
                directory.similarity,
                executor=executor,
                layers=layers,
                spatial=settings.spatial,
                memory_gb=execution.memory_gb,
                represented=done,
                compared=done,
            )
    return [read_matrix(path) for path in paths]


def _test(
    settings: ExperimentSettings,
    directory: RunDirectory,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
) -> Outcomes:
    if directory.dispersion.exists() and directory.verdict.exists():
        return read_outcomes(directory.dispersion)
    outcomes = test_all_layers(
        matrices,
        {member.name: member.metrics["test_accuracy"] for member in members},
        control=settings.control,
        permutations=settings.permutations,
        alpha=settings.alpha,
        seed=settings.seed,
    )
    write_outcomes(directory.dispersion, outcomes)
    write_verdicts(directory.verdict, outcomes, matrices)
    return outcomes


def _write_tensorboard(
    settings: ExperimentSettings,
    directory: RunDirectory,
    executor: Executor,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Outcomes,
    probe: ProbeSet,
) -> None:
    if directory.tensorboard.exists():
        return
    shown = [member.name for member in members if member.seed < settings.projector_members]
    with (
        progress("tensorboard", len(shown)) as done,
        tempfile.TemporaryDirectory(prefix=".representations.", dir=directory.root) as scratch,
    ):
        layers = take_representations(
            {name: directory.saved_model(name) for name in shown},
            probe.inputs,
            scratch,
            executor=executor,
            layers=tapped_layers(settings.model),
            done=done,
        )
        write_experiment(
            directory.tensorboard,
            members=members,
            matrices=matrices,
            dispersion={
                layer: {
                    family: value
                    for family, value in outcomes[layer, settings.measures[0]].dispersion.items()
                    if value is not None
                }
                for layer in layers
            },
            probe=probe,
            representations={
                name: {
                    layer: np.load(representation_path(scratch, name, layer)) for layer in layers
                }
                for name in shown
            },
        )


def _write_report(
    settings: ExperimentSettings,
    directory: RunDirectory,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Outcomes,
) -> None:
    if (directory.report / "index.html").exists():
        return
    with progress("report", 1) as done:
        write_report(
            directory.report,
            title=f"Families of {settings.model} on {settings.dataset}",
            members=members,
            matrices=matrices,
            outcomes=outcomes,
            settings=_flag_texts(settings),
            control=settings.control,
            data_description=directory.data_description(),
            tensorboard_command=_tensorboard_command(directory),
            primary_measure=settings.measures[0],
        )
        done("")


def _summary(
    settings: ExperimentSettings,
    directory: RunDirectory,
    members: Sequence[MemberRecord],
    outcomes: Outcomes,
) -> str:
    return "\n".join(
        [
            "",
            format_table(members, outcomes, settings.measures[0], control=settings.control),
            "",
            f"Report:       {directory.report / 'index.html'}",
            f"TensorBoard:  {_tensorboard_command(directory)}",
        ]
    )


def _check_and_probe(training: TrainingSettings, samples: int) -> tuple[ProbeSet, str]:
    check_training(training)
    data = load_dataset(
        training.dataset,
        data_dir=training.data_dir,
        seed=training.data_seed,
        max_samples=training.max_samples,
    )
    try:
        return take_probe_set(data, samples, training.data_seed), data.description
    except ValueError as error:
        raise ValueError(f"--probe_samples={samples}: {error}") from error


def _tensorboard_command(directory: RunDirectory) -> str:
    return f"tensorboard --logdir {shlex.quote(str(directory.tensorboard))}"


def _flag_texts(settings: ExperimentSettings) -> Mapping[str, str]:
    texts = {}
    for flag, value in settings.to_flags().items():
        if flag == "family":
            texts |= {f"family={name}": schedule for name, schedule in value.items()}
        elif value is not None:
            texts[flag] = ",".join(value) if isinstance(value, list) else str(value)
    return texts
