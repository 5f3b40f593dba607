"""A whole experiment in one run directory: its steps in order, on one machine or a cluster.

A step is skipped if its settings, inputs and outputs are unchanged. So an interrupted run resumes,
and a finished run grows: more members, another family, other measures or another error rate
recompute only what depends on them.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from akp_keras.code_version import code_version
from akp_keras.comparison.layers import TooFewComparable
from akp_keras.executors import Workplace, open_executor, share_workplace
from akp_keras.export.member_folder import member_digest
from akp_keras.files.below import files_below
from akp_keras.files.whole import UNFINISHED, read_json, write_json
from akp_keras.settings import Experiment, Running
from akp_keras.steps.embedding_writer import EMBEDDING_WRITER
from akp_keras.steps.experiment import STEPS, maker_of
from akp_keras.steps.family_trainer import FAMILY_TRAINER, missing_members
from akp_keras.steps.products import LOG, MATRICES, MEMBER, Product
from akp_keras.steps.report import REPORT_STEP
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.steps.step import Step
from akp_keras.tensorboard.live_view import LiveRun, LiveView
from akp_keras.tensorboard.whole_folders import is_experiment
from akp_keras.training import check_training


def run_steps(experiment: Experiment, running: Running) -> RunDirectory:
    """Run all steps, except those that are up to date, and return the run directory.

    Raises:
        ValueError: in one line, for anything that cannot be run as requested.
    """
    directory = RunDirectory(running.run_dir)
    with (
        directory.opened(experiment),
        open_executor(running.workers, running.dask_scheduler) as executor,
        share_workplace(Workplace(executor, directory.representations.absolute())),
    ):
        training = FAMILY_TRAINER.of_experiment(experiment)
        taps: tuple[str, ...] = ()
        if missing_members(directory.members, training, training.planned_members()):
            # Before anything is written: what does not fit is reported here.
            taps = executor.submit(check_training, training).result()
        for step in STEPS:
            if step is FAMILY_TRAINER:
                view = _live_view(experiment, directory, taps)
                step.function(directory.members, training, view=view)
            else:
                _bring_up_to_date(step, experiment, directory)
        directory.write_experiment(experiment)
    return directory


def unfinished_step(directory: RunDirectory, experiment: Experiment) -> str | None:
    """Return the first step whose results are missing, or are those of other settings.

    Args:
        directory: the run.
        experiment: its settings.

    Returns:
        The step's name; None if the run is finished.
    """
    records = _read_records(directory)
    for step in STEPS:
        settings = step.of_experiment(experiment)
        if step is FAMILY_TRAINER:
            unfinished = missing_members(directory.members, settings, settings.planned_members())
        else:
            unfinished = records.get(step.name, {}).get("settings") != settings.values()
        if unfinished:
            return step.name
    return None


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
    settings, records = step.of_experiment(experiment), _read_records(directory)
    made_from = {
        "code_version": code_version(),
        "settings": settings.values(),
        "reads": step.reads(settings),
        "inputs": {
            name: _digests(declared.product, experiment, directory, records)
            for name, declared in step.inputs.items()
            if not declared.address
        },
    }
    made = records.get(step.name, {})
    if made == made_from | {"files": _files(_entries(made), directory.root)}:
        return
    inputs = {
        name: _place(declared.product, experiment, directory)
        for name, declared in step.inputs.items()
    }
    if step is EMBEDDING_WRITER:
        step.run(directory.tensorboard, settings, inputs)
        entries = sorted(path.name for path in directory.root.glob("tensorboard*"))
    else:
        work = directory.root / f".{step.name}{UNFINISHED}"
        try:
            step.run(work, settings, inputs)
        except TooFewComparable as error:
            raise ValueError(
                f"{error}; milder stress or a smaller --learning_rate may help"
            ) from error
        directory.write_experiment(experiment)
        entries = _move(work, directory.report if step is REPORT_STEP else directory.root)
    made = made_from | {"files": _files(entries, directory.root)}
    write_json(directory.records, records | {step.name: made})


def _move(work: Path, target: Path) -> list[str]:
    """Move what a step wrote to its place; return the names of the new entries of the run."""
    entries = [work] if target.name == "report" else sorted(work.iterdir())
    for entry in entries:
        place = target if entry is work else target / entry.name
        if place.is_dir():
            shutil.rmtree(place)
        entry.replace(place)
    if work.exists():
        work.rmdir()
    return [target.name] if work in entries else [entry.name for entry in entries]


def _place(product: Product, experiment: Experiment, directory: RunDirectory) -> Any:
    """Return the place of a product in the run."""
    if product == MEMBER:
        return [directory.member(member.name) for member in experiment.planned_members()]
    return {MATRICES: directory.similarity, LOG: directory.tensorboard}.get(product, directory.root)


def _digests(
    product: Product, experiment: Experiment, directory: RunDirectory, records: dict[str, Any]
) -> dict[str, str]:
    """Return digests of a step's input, which an earlier step has just made or checked."""
    if product == MEMBER:
        names = [member.name for member in experiment.planned_members()]
        return {name: member_digest(directory.member(name)) for name in names}
    place = _place(product, experiment, directory).relative_to(directory.root)
    files = records[maker_of(product)[0].name]["files"]
    return {file: digest for file, digest in files.items() if Path(file).is_relative_to(place)}


def _entries(made: dict[str, Any]) -> list[str]:
    """Return the names of the run's files and folders that a step made, from its record."""
    return sorted({Path(file).parts[0] for file in made.get("files", {})})


def _files(entries: Iterable[str], root: Path) -> dict[str, str]:
    """Return digests of the files of a run, and of all files below its folders."""
    digests = {}
    for path in (root / entry for entry in entries):
        files = files_below(path) if path.is_dir() else [path] if path.is_file() else []
        for file in files:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            digests[file.relative_to(root).as_posix()] = digest
    return digests


def _read_records(directory: RunDirectory) -> dict[str, Any]:
    try:
        records = read_json(directory.records)
    except ValueError:
        records = {}
    # Without its record, a step is run again.
    return {
        step: made
        for step, made in (records.items() if isinstance(records, dict) else ())
        if isinstance(made, dict) and isinstance(made.get("files"), dict)
    }
