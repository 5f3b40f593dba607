"""The report page of an experiment."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from akp_keras.export.members import read_members
from akp_keras.files.whole import read_json
from akp_keras.report import write_report
from akp_keras.report.page import PAGE_FILE, write_training_report
from akp_keras.settings.field import Group, setting
from akp_keras.settings.groups import Control, SomeMeasures, check_control
from akp_keras.steps.inputs import file_in, read_compared
from akp_keras.steps.principle import (
    PRINCIPLE_FILE,
    Principle,
    leading_measure,
    read_principle,
)
from akp_keras.steps.probe_set import DATA_FILE
from akp_keras.steps.products import LOG, MATRICES, MEMBER, OUTCOME, PAGE, PROBE, REPORT
from akp_keras.steps.step import Facts, Input, Output, Step
from akp_keras.steps.verdicts import OUTCOMES_FILE, read_outcomes


@dataclass(frozen=True, kw_only=True)
class Page(Group, stage="report"):
    """The title and the settings that the page shows."""

    title: str = setting("Families of networks", "Heading of the page.")
    settings: str = setting("{}", "A JSON object, flag to text, that the page shows.")

    def check(self) -> None:
        """Raise a ValueError for settings that are not a JSON object."""
        super().check()
        try:
            shown = json.loads(self.settings)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"--settings={self.settings} is not JSON: {error}") from error
        if not isinstance(shown, dict):
            raise ValueError(f"--settings={self.settings} must be a JSON object, flag to text")


@dataclass(frozen=True, kw_only=True)
class ReportSettings(Page, Control, SomeMeasures):
    """What the page depends on, apart from the results."""


def report(
    folder: Path,
    settings: ReportSettings,
    matrices: str | Path,
    members: Sequence[str | Path],
    outcome: str | Path,
    data: str | Path,
    log: str | Path | None = None,
) -> Facts:
    r"""Write the page of an experiment: `index.html` and its figures.

    akp report --matrices=RUN/similarity --members='RUN/members/*/*' \
        --outcome=RUN/dispersion.json --data=RUN/data.json --output=OUT
    """
    records, compared = read_compared(members, matrices, settings.measures)
    families = dict.fromkeys(record.family for record in records.values())
    check_control(settings.control, list(families))
    write_report(
        folder,
        title=settings.title,
        members=list(records.values()),
        matrices=compared,
        outcomes=read_outcomes(file_in(outcome, OUTCOMES_FILE)),
        settings={flag: str(value) for flag, value in json.loads(settings.settings).items()},
        control=settings.control,
        data_description=_description(file_in(data, DATA_FILE)),
        tensorboard_command=f"tensorboard --logdir {shlex.quote(str(log))}" if log else None,
        primary_measure=compared[0].measure,
        principle=_principle(Path(outcome)),
        leading_measure=leading_measure([matrix.measure for matrix in compared]),
    )
    return {}


def report_training(
    folder: Path,
    settings: ReportSettings,
    members: Sequence[str | Path],
    data: str | Path,
    reason: str,
) -> None:
    """Write the page of an experiment whose members cannot be compared, for a reason."""
    write_training_report(
        folder,
        title=settings.title,
        members=list(read_members(members).values()),
        settings={flag: str(value) for flag, value in json.loads(settings.settings).items()},
        control=settings.control,
        data_description=_description(file_in(data, DATA_FILE)),
        reason=reason,
    )


def _principle(outcome: Path) -> Principle | None:
    """Return what was found across families, where the outcome's folder holds it."""
    path = file_in(outcome, PRINCIPLE_FILE)
    if path.name != PRINCIPLE_FILE:
        path = path.with_name(PRINCIPLE_FILE)
    return read_principle(path) if path.is_file() else None


def _description(path: Path) -> str:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), str):
        raise ValueError(f"--data={path} has no text under 'data'; name a {DATA_FILE}")
    return content["data"]


REPORT_STEP = Step(
    report,
    settings=ReportSettings,
    inputs={
        "matrices": Input(MATRICES),
        "members": Input(MEMBER, several=True),
        "outcome": Input(OUTCOME),
        "data": Input(PROBE, help="data.json, or the folder that holds it, of probe_set."),
        "log": Input(
            LOG,
            optional=True,
            help="TensorBoard's log directory, which the page names.",
            address=True,
        ),
    },
    outputs={"report": Output(REPORT), "page": Output(PAGE, below=PAGE_FILE)},
    component="ReportWriter",
    derived=lambda experiment: {
        "title": experiment.title,
        "settings": json.dumps(experiment.texts()),
    },
)
