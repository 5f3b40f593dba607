"""A whole experiment in one run directory: its steps in order, on one machine or a cluster.

A step is skipped if its settings, inputs and outputs are unchanged. So an interrupted run resumes,
and a finished run grows: more members, another family, other measures or another error rate
recompute only what depends on them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from akp_keras.comparison.layers import TooFewComparable
from akp_keras.comparison.representations import damaged_representations
from akp_keras.executors import Workplace, open_executor, share_workplace
from akp_keras.failures import MembersFailed
from akp_keras.files.below import files_below
from akp_keras.files.whole import UNFINISHED, write_json
from akp_keras.report.page import PAGE_FILE
from akp_keras.settings import Experiment, Running
from akp_keras.steps.embedding_writer import EMBEDDING_WRITER
from akp_keras.steps.experiment import STEPS
from akp_keras.steps.family_trainer import FAMILY_TRAINER, missing_members
from akp_keras.steps.products import MEMBER
from akp_keras.steps.records import (
    EXPERIMENT,
    entries_of,
    file_digests,
    made_from,
    place_of,
    read_records,
)
from akp_keras.steps.report import REPORT_STEP, report_training
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.steps.step import Step
from akp_keras.tensorboard.live_view import LiveRun, LiveView
from akp_keras.tensorboard.whole_folders import is_experiment
from akp_keras.training import check_training


def run_steps(experiment: Experiment, running: Running) -> RunDirectory:
    """Run all steps, except those that are up to date, and return the run directory.

    Raises:
        ValueError: in one line, for anything that cannot be run as requested.
        MembersFailed: if so many members failed that nothing can be compared; the report then
            shows the training.
    """
    directory = RunDirectory(running.run_dir)
    with (
        directory.opened(experiment),
        open_executor(running.workers, running.dask_scheduler) as executor,
        share_workplace(Workplace(executor, directory.representations.absolute())),
    ):
        _remove_damaged(directory.representations)
        training = FAMILY_TRAINER.of_experiment(experiment)
        taps: tuple[str, ...] = ()
        if missing_members(directory.members, training, training.planned_members()):
            # Before anything is written: what does not fit is reported here.
            taps = executor.submit(check_training, training).result()
        for step in STEPS:
            if step is FAMILY_TRAINER:
                view = _live_view(experiment, directory, taps)
                step.function(directory.members, training, view=view)
                continue
            try:
                _bring_up_to_date(step, experiment, directory)
            except TooFewComparable as error:
                _show_training(experiment, directory, str(error))
                raise MembersFailed(
                    f"{error}; milder stress or a smaller --learning_rate may help; "
                    f"{directory.report / PAGE_FILE} shows the training"
                ) from error
        directory.write_experiment(experiment)
        _record(directory, EXPERIMENT, {}, [directory.experiment.name])
    return directory


def unfinished_step(directory: RunDirectory, experiment: Experiment) -> str | None:
    """Return the first step whose results are missing, or are those of other settings.

    Args:
        directory: the run.
        experiment: its settings.

    Returns:
        The step's name; None if the run is finished.
    """
    records = read_records(directory)
    for step in STEPS:
        settings = step.of_experiment(experiment)
        if step is FAMILY_TRAINER:
            unfinished = missing_members(directory.members, settings, settings.planned_members())
        else:
            unfinished = records.get(step.name, {}).get("settings") != settings.values()
        if unfinished:
            return step.name
    return None


def _remove_damaged(representations: Path) -> None:
    """Remove the kept representations of a probe set if one of their files is damaged."""
    for file in damaged_representations(representations):
        of_probe = representations / file.relative_to(representations).parts[0]
        shutil.rmtree(of_probe, ignore_errors=True)


def _live_view(
    experiment: Experiment, directory: RunDirectory, taps: tuple[str, ...]
) -> LiveView | None:
    """Return a view of the training if there are snapshots and no log directory yet."""
    if not experiment.snapshots or is_experiment(directory.tensorboard):
        return None
    run = LiveRun(
        log=directory.tensorboard,
        members=directory.members,
        probe=directory.probe,
        names=tuple(member.name for member in experiment.planned_members()),
        layers=taps,
        measure=experiment.measures[0],
        control=experiment.control,
        memory_gb=experiment.memory_gb,
    )
    return run.view()


def _bring_up_to_date(step: Step, experiment: Experiment, directory: RunDirectory) -> None:
    settings, records = step.of_experiment(experiment), read_records(directory)
    depends = made_from(step, experiment, directory, records)
    made = records.get(step.name, {})
    if made == depends | {"files": file_digests(entries_of(made), directory.root)}:
        return
    inputs = {
        name: place_of(declared.product, experiment, directory)
        for name, declared in step.inputs.items()
    }
    if step is EMBEDDING_WRITER:
        _remove_unmarked(directory.tensorboard, made)
        step.run(directory.tensorboard, settings, inputs)
        entries = sorted(path.name for path in directory.root.glob("tensorboard*"))
    else:
        work = directory.root / f".{step.name}{UNFINISHED}"
        step.run(work, settings, inputs)
        directory.write_experiment(experiment)
        entries = _move(work, directory.report if step is REPORT_STEP else directory.root)
    _record(directory, step.name, depends, entries)


def _record(
    directory: RunDirectory, name: str, depends: dict[str, Any], entries: Sequence[str]
) -> None:
    made = depends | {"files": file_digests(entries, directory.root)}
    write_json(directory.records, read_records(directory) | {name: made})


def _remove_unmarked(log: Path, made: dict[str, Any]) -> None:
    """Remove a log directory that has lost its marker, if all of its files are the run's."""
    if is_experiment(log) or not log.is_dir():
        return
    known = made.get("files", {})
    if all(file.relative_to(log.parent).as_posix() in known for file in files_below(log)):
        shutil.rmtree(log)


def _show_training(experiment: Experiment, directory: RunDirectory, reason: str) -> None:
    """Write a report of the training alone, where nothing could be compared."""
    work = directory.root / f".{REPORT_STEP.name}{UNFINISHED}"
    settings = REPORT_STEP.of_experiment(experiment)
    places = place_of(MEMBER, experiment, directory)
    report_training(work, settings, places, directory.data, reason)
    directory.write_experiment(experiment)
    _record(directory, REPORT_STEP.name, {"reason": reason}, _move(work, directory.report))


def _move(work: Path, target: Path) -> list[str]:
    """Move what a step wrote to its place; return the names of the new entries of the run."""
    entries = [work] if target.name == "report" else sorted(work.iterdir())
    for entry in entries:
        place = target if entry is work else target / entry.name
        if place.is_dir():
            shutil.rmtree(place)
        elif place.exists() and entry.is_dir():
            place.unlink()
        entry.replace(place)
    if work.exists():
        work.rmdir()
    return [target.name] if work in entries else [entry.name for entry in entries]
