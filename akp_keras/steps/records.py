"""The records of a run, `steps.json`: what each step was made from, and digests of what it made."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from akp_keras.code_version import code_version
from akp_keras.export.member_folder import member_digest
from akp_keras.files.below import files_below
from akp_keras.files.whole import read_json
from akp_keras.settings import Experiment
from akp_keras.steps.experiment import maker_of
from akp_keras.steps.products import LOG, MATRICES, MEMBER, Product
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.steps.step import Step

# The name under which the digest of experiment.json is recorded, which is no step's.
EXPERIMENT = "experiment"

# Step -> the version of the code, its settings, digests of its inputs and digests of its files.
Records = dict[str, dict[str, Any]]


def read_records(directory: RunDirectory) -> Records:
    """Read `steps.json`; a step whose record is missing or damaged is left out, and made again."""
    try:
        records = read_json(directory.records)
    except ValueError:
        records = {}
    return {
        step: made
        for step, made in (records.items() if isinstance(records, dict) else ())
        if isinstance(made, dict) and isinstance(made.get("files"), dict)
    }


def made_from(
    step: Step, experiment: Experiment, directory: RunDirectory, records: Records
) -> dict[str, Any]:
    """Return what a step depends on: the code, its settings, and digests of its inputs.

    Args:
        step: the step.
        experiment: the settings of the run.
        directory: the run; earlier steps have just been made or checked.
        records: its records.
    """
    settings = step.of_experiment(experiment)
    return {
        "code_version": _code_of_this_process(),
        "settings": settings.values(),
        "reads": step.reads(settings),
        "inputs": inputs_of(step, experiment, directory, records),
    }


def inputs_of(
    step: Step, experiment: Experiment, directory: RunDirectory, records: Records
) -> dict[str, dict[str, str]]:
    """Return digests of what a step takes: input -> file or member -> digest; see `made_from`."""
    return {
        name: _digests(declared.product, experiment, directory, records)
        for name, declared in step.inputs.items()
        if not declared.address
    }


def place_of(product: Product, experiment: Experiment, directory: RunDirectory) -> Any:
    """Return the path of a product in the run; for members, the path of each."""
    if product == MEMBER:
        return [directory.member(member.name) for member in experiment.planned_members()]
    return {MATRICES: directory.similarity, LOG: directory.tensorboard}.get(product, directory.root)


def entries_of(made: Mapping[str, Any]) -> list[str]:
    """Return the names of the run's files and folders that a step made, from its record."""
    return sorted({Path(file).parts[0] for file in made.get("files", {})})


def file_digests(entries: Iterable[str], root: Path) -> dict[str, str]:
    """Return digests of the files of a run, and of all files below its folders."""
    digests = {}
    for path in (root / entry for entry in entries):
        files = files_below(path) if path.is_dir() else [path] if path.is_file() else []
        for file in files:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            digests[file.relative_to(root).as_posix()] = digest
    return digests


@functools.cache
def _code_of_this_process() -> str:
    # Every source file is read for it, and every step of a run asks.
    return code_version()


def _digests(
    product: Product, experiment: Experiment, directory: RunDirectory, records: Records
) -> dict[str, str]:
    if product == MEMBER:
        names = [member.name for member in experiment.planned_members()]
        return {name: member_digest(directory.member(name)) for name in names}
    place = place_of(product, experiment, directory).relative_to(directory.root)
    files = records.get(maker_of(product)[0].name, {}).get("files", {})
    return {file: digest for file, digest in files.items() if Path(file).is_relative_to(place)}
