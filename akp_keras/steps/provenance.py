"""What the results of a run rest on: every file held against its record, and a tree of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags

from akp_keras.command_line import Command, run_command
from akp_keras.comparison.matrix import matrix_path
from akp_keras.comparison.representations import damaged_representations
from akp_keras.export import MemberRecord, read_member
from akp_keras.export.member_folder import member_digest
from akp_keras.settings import Experiment, Member
from akp_keras.steps.embedding_writer import EMBEDDING_WRITER
from akp_keras.steps.experiment import STEPS, maker_of
from akp_keras.steps.family_trainer import FAMILY_TRAINER, missing_members
from akp_keras.steps.principle import read_principle
from akp_keras.steps.products import MEMBER
from akp_keras.steps.records import (
    EXPERIMENT,
    Records,
    entries_of,
    file_digests,
    inputs_of,
    read_records,
)
from akp_keras.steps.report import REPORT_STEP
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.steps.step import Step

_SHOWN = 12
# A line of a tree, and what is below it.
Line = tuple[str, Sequence["Line"]]


def run_provenance(name: str, arguments: Sequence[str]) -> int:
    """Run `akp verify RUN` or `akp lineage RUN`; return the exit code."""
    answer = PROVENANCE[name]

    def work(values: flags.FlagValues, named: Sequence[str]) -> str:
        if len(named) != 1:
            raise ValueError(f"expected one run directory, got {len(named)}: akp {name} RUN")
        directory = RunDirectory(named[0])
        if not directory.root.is_dir():
            raise ValueError(f"{directory.root} is not a folder; name the run directory")
        return "\n".join(answer(directory))

    command = Command(
        program=f"akp {name}",
        description=answer.__doc__,
        define_flags=lambda values: None,
        stages=(),
        work=work,
        resume="run again",
        positional=True,
    )
    return run_command(command, arguments)


def verify(directory: RunDirectory) -> list[str]:
    """Hold every file of a run against its record, and say what each verdict rests on.

    akp verify RUN

    Members are held against their checksums, products against the digests in steps.json, and what
    each step was made from against what is in the run now.

    Args:
        directory: the run.

    Returns:
        Lines: how many files were checked, and one per verdict.

    Raises:
        ValueError: in one line that names what is missing, was changed or was made from something
            else.
    """
    experiment, records = directory.read_experiment(), read_records(directory)
    members = experiment.planned_members()
    faults = [
        *_faults_of_members(directory, experiment, members),
        *_faults_of_steps(directory, experiment, records),
        *(
            f"{file} is not as it was written"
            for file in damaged_representations(directory.representations)
        ),
    ]
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise ValueError(f"{'; '.join(faults[:_SHOWN])}{more}; run the experiment again")
    files = sum(len(made["files"]) for made in records.values())
    return [
        f"{directory.root}: {files} files and {len(members)} members are as they were written.",
        *_foundations(directory, records, members),
    ]


def lineage(directory: RunDirectory) -> list[str]:
    """Print everything that the results of a run were made from, as a tree.

    akp lineage RUN

    Args:
        directory: the run.

    Returns:
        The lines of the tree: below each product the step that made it with its settings, and
        below that its inputs, down to the data and the members.

    Raises:
        ValueError: in one line, if the run has no records, or a member is damaged.
    """
    experiment, records = directory.read_experiment(), read_records(directory)
    if not records:
        raise ValueError(f"{directory.records} is missing or damaged; run the experiment again")
    members = [
        _member_text(directory, member)
        for member in experiment.planned_members()
        if directory.member(member.name).exists()
    ]
    shown: set[str] = set()
    lines = [
        line
        for step in (REPORT_STEP, EMBEDDING_WRITER)
        if step.name in records
        for line in _made(step, records, members, shown)
    ]
    return [text for line in lines for text in draw_tree(line)]


PROVENANCE = {"verify": verify, "lineage": lineage}


def draw_tree(line: Line, first: str = "", rest: str = "") -> Iterator[str]:
    """Yield the lines of a tree.

    Args:
        line: its root.
        first: what stands before the root.
        rest: what stands before all other lines.
    """
    text, below = line
    yield first + text
    for position, branch in enumerate(below, start=1):
        fork, bar = ("└─ ", "   ") if position == len(below) else ("├─ ", "│  ")
        yield from draw_tree(branch, rest + fork, rest + bar)


def _faults_of_members(
    directory: RunDirectory, experiment: Experiment, members: Sequence[Member]
) -> Iterator[str]:
    training = FAMILY_TRAINER.of_experiment(experiment)
    names = {member.name for member in members}
    for member in members:
        try:
            if missing_members(directory.members, training, [member]):
                yield f"member {member.name} is missing"
        except ValueError as error:
            yield str(error).partition("; ")[0]
    # Members of earlier settings stay, and must be whole if they are asked for again.
    for place in sorted(directory.members.glob("*/*")):
        if place.relative_to(directory.members).as_posix() not in names:
            try:
                read_member(place)
            except ValueError as error:
                yield str(error).partition("; ")[0]


def _faults_of_steps(
    directory: RunDirectory, experiment: Experiment, records: Records
) -> Iterator[str]:
    names = [step.name for step in STEPS if step is not FAMILY_TRAINER]
    for name in (*names, EXPERIMENT):
        if name not in records:
            yield f"{directory.records} has no whole record of {name}"
            continue
        made = records[name]
        written = file_digests(entries_of(made), directory.root)
        for file in sorted({*made["files"], *written}):
            if file not in written:
                yield f"{directory.root / file} is missing"
            elif file not in made["files"]:
                yield f"{directory.root / file} was not written by the run"
            elif written[file] != made["files"][file]:
                yield f"{directory.root / file} is not as it was written"
    if len({made.get("code_version") for made in records.values() if "settings" in made}) > 1:
        yield f"{directory.records} holds steps that were run by different versions of the code"
    for step in STEPS:
        made = records.get(step.name)
        if made is None or step is FAMILY_TRAINER:
            continue
        try:
            inputs = inputs_of(step, experiment, directory, records)
        except OSError:
            # A member is missing, which has been said.
            continue
        if made.get("settings") != step.of_experiment(experiment).values():
            yield f"{step.name} was run with other settings than those of {directory.experiment}"
        for name, digests in inputs.items():
            if (made.get("inputs") or {}).get(name) != digests:
                yield f"{step.name} was run on other {name} than those of the run"


def _foundations(
    directory: RunDirectory, records: Records, members: Sequence[Member]
) -> Iterator[str]:
    files = {file: digest for made in records.values() for file, digest in made["files"].items()}
    versions = {_versions(read_member(directory.member(member.name))): None for member in members}
    common = (
        f"the {len(members)} members ({'; '.join(versions)}) and {_named(directory.probe, files)}"
    )
    for (layer, measure), outcome in read_principle(directory.principle).items():
        matrix = matrix_path(directory.similarity, layer, measure)
        path = matrix.relative_to(directory.root).as_posix()
        yield (
            f"{layer}, {measure}: across {outcome.across.verdict}, between "
            f"{outcome.between.verdict}, within {outcome.within.verdict}; rests on {path} "
            f"({_short(files[path])}), {common}"
        )


def _made(step: Step, records: Records, members: Sequence[str], shown: set[str]) -> Iterator[Line]:
    made = records.get(step.name, {"files": {}})
    entries = entries_of(made)
    for entry in entries[:-1]:
        yield _entry_text(entry, made), ()
    last = _entry_text(entries[-1], made) if entries else step.name
    if step.name in shown:
        yield f"{last} (see above)", ()
        return
    shown.add(step.name)
    below: list[Line] = []
    for declared in step.inputs.values():
        if declared.address:
            continue
        if declared.product == MEMBER:
            name = FAMILY_TRAINER.name
            text = f"{len(members)} members{' (see above)' if name in shown else ''}"
            below.append((text, () if name in shown else [(member, ()) for member in members]))
            shown.add(name)
        else:
            below.extend(_made(maker_of(declared.product)[0], records, members, shown))
    settings = ", ".join(
        f"{name}={value}"
        for name, value in (made.get("settings") or {}).items()
        # The settings that a report shows are those of all steps.
        if value not in (None, "", []) and name != "settings"
    )
    yield last, [(f"by {step.name}: {settings}", below)]


def _entry_text(entry: str, made: Mapping[str, Any]) -> str:
    files = {file: made["files"][file] for file in made["files"] if Path(file).parts[0] == entry}
    if entry in files:
        return f"{entry} ({_short(files[entry])})"
    return f"{entry}/ ({len(files)} files)"


def _member_text(directory: RunDirectory, member: Member) -> str:
    place = directory.member(member.name)
    record = read_member(place)
    return (
        f"{member.name}, random seed {member.random_seed} ({_short(member_digest(place))}; "
        f"{_versions(record)}): {record.schedule}"
    )


def _versions(record: MemberRecord) -> str:
    known = ", ".join(f"{library} {version}" for library, version in record.versions.items())
    return f"trained with {known or 'unknown versions'}"


def _named(path: Path, files: Mapping[str, str]) -> str:
    return f"{path.name} ({_short(files[path.name])})"


def _short(digest: str) -> str:
    return f"sha256 {digest[:12]}"
