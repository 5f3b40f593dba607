"""What a run says on the terminal when it ends."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from akp_keras.export import MemberRecord, read_member
from akp_keras.hotswap import Schedule
from akp_keras.report import format_table
from akp_keras.settings import Experiment
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.steps.verdicts import Outcomes, read_outcomes


def summarise_run(experiment: Experiment, directory: RunDirectory) -> str:
    """Returns the table of results, what a reader must know of it, and where to look further."""
    members = [
        read_member(directory.member(member.name)) for member in experiment.planned_members()
    ]
    outcomes = read_outcomes(directory.dispersion)
    program, log = _tensorboard_program(), directory.tensorboard
    return "\n".join(
        [
            "",
            format_table(members, outcomes, experiment.measures[0], control=experiment.control),
            "",
            *(f"{note}\n" for note in _notes(members, outcomes)),
            f"Report:       {directory.report / 'index.html'}",
            f"TensorBoard:  {shlex.quote(program)} --logdir {shlex.quote(str(log))}",
        ]
    )


def _notes(members: Sequence[MemberRecord], outcomes: Outcomes) -> list[str]:
    notes = list(
        dict.fromkeys(caution for outcome in outcomes.values() for caution in outcome.cautions)
    )
    unswapped = Counter(
        member.family
        for member in members
        if len(member.swaps)
        < sum(len(swap.changes) for swap in Schedule.parse(member.schedule).swaps)
    )
    notes += [
        f"{family}: in {count} members a swap never came, as its plateau was not reached."
        for family, count in unswapped.items()
    ]
    return [textwrap.fill(note, 100, subsequent_indent="    ") for note in notes]


def _tensorboard_program() -> str:
    """Returns what to type here: the program is beside this Python, which may not be on the path."""
    program = Path(sys.executable).with_name("tensorboard")
    if not program.exists() or shutil.which("tensorboard") == str(program):
        return "tensorboard"
    return os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)
