"""The stages of an experiment, in order, on one machine or a cluster.

Every stage leaves files that are whole or not there, and is passed over where they are there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from akp_keras.comparison import SimilarityMatrix, compare_members, matrix_path, read_matrix
from akp_keras.comparison.members import TooFewComparable
from akp_keras.data import ProbeSet, read_probe, write_probe
from akp_keras.executors import open_executor
from akp_keras.experiment.flags import Execution
from akp_keras.experiment.live_view import LiveView
from akp_keras.experiment.log_directory import follow_training, write_log_directory
from akp_keras.experiment.probe import check_and_probe
from akp_keras.experiment.run_directory import RunDirectory
from akp_keras.experiment.settings import ExperimentSettings
from akp_keras.experiment.verdicts import (
    Outcomes,
    judge_layers,
    read_outcomes,
    write_outcomes,
    write_verdicts,
)
from akp_keras.export import MemberRecord, read_member
from akp_keras.hotswap import Schedule
from akp_keras.models import tapped_layers
from akp_keras.progress import progress
from akp_keras.report import format_table, write_report
from akp_keras.tensorboard.whole_folders import is_experiment
from akp_keras.training import MemberSpecification, train_members


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
    try:
        with open_executor(execution.workers, execution.dask_scheduler) as executor:
            probe = _prepare(settings, execution, directory, executor)
            members = _train(settings, execution, directory, executor, probe)
            matrices = _compare(settings, directory, executor, probe)
            outcomes = _judge(settings, directory, members, matrices)
            _write_tensorboard(settings, directory, executor, members, matrices, outcomes, probe)
        _write_report(settings, directory, members, matrices, outcomes)
        return _summary(settings, directory, members, outcomes)
    finally:
        directory.release()


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
            check_and_probe, settings.training(execution.data_dir), settings.probe_samples
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
    probe: ProbeSet,
) -> list[MemberRecord]:
    specifications = settings.member_specifications()
    missing = [member for member in specifications if not directory.member(member.name).exists()]
    if missing:
        there = [member.name for member in specifications if member not in missing]
        live = LiveView(settings, directory, probe)
        with progress("training members", len(specifications), there=len(there)) as done:

            def ended(name: str) -> None:
                done(name)
                live.member_ended(name)

            live.begin(there)
            train_members(
                settings.training(execution.data_dir),
                # All families grow together, so that they can be compared while they do.
                sorted(missing, key=lambda member: member.seed),
                directory.members,
                executor=executor,
                done=ended,
            )
            live.end()
    return [_read_member(directory, member) for member in specifications]


def _read_member(directory: RunDirectory, member: MemberSpecification) -> MemberRecord:
    record = read_member(directory.member(member.name))
    if (record.family, record.seed, record.schedule) != (
        member.family,
        member.seed,
        member.schedule,
    ):
        raise ValueError(
            f"member folder {directory.member(member.name)} holds {record.name} under the schedule "
            f"{record.schedule!r}; remove it and run again to train this member anew"
        )
    return record


def _compare(
    settings: ExperimentSettings,
    directory: RunDirectory,
    executor: Executor,
    probe: ProbeSet,
) -> list[SimilarityMatrix]:
    layers = tapped_layers(settings.model)
    names = [member.name for member in settings.member_specifications()]
    found = _read_matrices(settings, directory, layers, names)
    if found is not None:
        return found
    with progress("representations, matrices", len(names) + len(layers)) as done:
        try:
            compare_members(
                {name: directory.saved_model(name) for name in names},
                probe.inputs,
                settings.measures,
                directory.similarity,
                executor=executor,
                layers=layers,
                spatial=settings.spatial,
                memory_gb=settings.memory_gb,
                represented=done,
                compared=done,
            )
        except TooFewComparable as error:
            raise ValueError(
                f"{error}; milder stress or a smaller --learning_rate leaves more"
            ) from error
    return _read_matrices(settings, directory, layers, names)


def _read_matrices(
    settings: ExperimentSettings,
    directory: RunDirectory,
    layers: Sequence[str],
    names: Sequence[str],
) -> list[SimilarityMatrix] | None:
    """All matrices of the run; None where one is not there, or is not what its name says."""
    matrices = []
    for layer in layers:
        for measure in settings.measures:
            try:
                matrix = read_matrix(matrix_path(directory.similarity, layer, measure))
            except ValueError:
                return None
            members = [name for name in names if name not in matrix.excluded]
            if (matrix.layer, matrix.measure, list(matrix.members)) != (layer, measure, members):
                return None
            matrices.append(matrix)
    return matrices


def _judge(
    settings: ExperimentSettings,
    directory: RunDirectory,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
) -> Outcomes:
    keys = [(matrix.layer, matrix.measure) for matrix in matrices]
    try:
        outcomes = read_outcomes(directory.dispersion)
    except ValueError:
        outcomes = {}
    if list(outcomes) != keys:
        with progress("dispersion and verdict", 1) as done:
            outcomes = judge_layers(
                matrices,
                {member.name: member.metrics["test_accuracy"] for member in members},
                control=settings.control,
                permutations=settings.permutations,
                alpha=settings.alpha,
                margin=settings.margin,
                seed=settings.seed,
            )
            write_outcomes(directory.dispersion, outcomes)
            done("")
    # A few lines that follow from the outcomes: written anew rather than trusted.
    write_verdicts(directory.verdict, outcomes)
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
    if is_experiment(directory.tensorboard):
        return
    names = [member.name for member in members]
    shown = [member.name for member in members if member.seed < settings.projector_members]
    with progress("tensorboard", len(names)) as done:
        trajectories, not_followed = [], {}
        if settings.snapshots:
            trajectories, not_followed = follow_training(
                {name: directory.member(name) for name in names},
                tapped_layers(settings.model),
                settings.measures[0],
                executor=executor,
                memory_gb=settings.memory_gb,
            )
        write_log_directory(
            directory.tensorboard,
            members=members,
            saved_models={name: directory.saved_model(name) for name in shown},
            others={name: directory.saved_model(name) for name in names if name not in shown},
            trajectories=trajectories,
            not_followed=not_followed,
            matrices=matrices,
            outcomes=outcomes,
            probe=probe,
            executor=executor,
            done=done,
        )


def _write_report(
    settings: ExperimentSettings,
    directory: RunDirectory,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Outcomes,
) -> None:
    page = directory.report / "index.html"
    if page.is_file() and page.read_bytes().rstrip().endswith(b"</html>"):
        return
    with progress("report", 1) as done:
        write_report(
            directory.report,
            title=settings.title,
            members=members,
            matrices=matrices,
            outcomes=outcomes,
            settings=settings.flag_texts(),
            control=settings.control,
            data_description=directory.data_description(),
            tensorboard_command=_tensorboard_command(directory, "tensorboard"),
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
            *(f"{note}\n" for note in _notes(members, outcomes)),
            f"Report:       {directory.report / 'index.html'}",
            f"TensorBoard:  {_tensorboard_command(directory, _tensorboard_program())}",
        ]
    )


def _notes(members: Sequence[MemberRecord], outcomes: Outcomes) -> list[str]:
    """What a reader of the table must know, and the table does not say."""
    cautions = dict.fromkeys(
        caution for outcome in outcomes.values() for caution in outcome.cautions
    )
    notes = list(cautions)
    unswapped: dict[str, int] = {}
    for member in members:
        planned = sum(len(swap.changes) for swap in Schedule.parse(member.schedule).swaps)
        if len(member.swaps) < planned:
            unswapped[member.family] = unswapped.get(member.family, 0) + 1
    notes += [
        f"{family}: in {count} members a swap never came, as its plateau was not reached."
        for family, count in unswapped.items()
    ]
    return [textwrap.fill(note, 100, subsequent_indent="    ") for note in notes]


def _tensorboard_command(directory: RunDirectory, program: str) -> str:
    return f"{shlex.quote(program)} --logdir {shlex.quote(str(directory.tensorboard))}"


def _tensorboard_program() -> str:
    """What to type here: the program is beside this Python, which need not be on the path."""
    program = Path(sys.executable).with_name("tensorboard")
    if not program.exists() or shutil.which("tensorboard") == str(program):
        return "tensorboard"
    return os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)
