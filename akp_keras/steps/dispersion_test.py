"""The test of the Anna Karenina principle on matrices and members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from akp_keras.settings.groups import SomeMeasures
from akp_keras.steps.inputs import read_compared
from akp_keras.steps.principle import (
    PRINCIPLE_FILE,
    VERDICT_FILE,
    judge_principle,
    overall_verdict,
    write_principle,
    write_verdicts,
)
from akp_keras.steps.products import MATRICES, MEMBER, OUTCOME, VALUE
from akp_keras.steps.step import Facts, Input, Output, Step
from akp_keras.steps.verdicts import (
    OUTCOMES_FILE,
    JudgingSettings,
    judge_layers,
    write_outcomes,
)


@dataclass(frozen=True, kw_only=True)
class DispersionTestSettings(JudgingSettings, SomeMeasures):
    """What the test depends on, apart from matrices and members."""


def dispersion_test(
    folder: Path,
    settings: DispersionTestSettings,
    matrices: str | Path,
    members: Sequence[str | Path],
) -> Facts:
    r"""Test the Anna Karenina principle at every layer and under every measure.

    akp dispersion_test --matrices=RUN/similarity --members='RUN/members/*/*' --output=OUT

    Writes `principle.json`, the verdicts across, between and within families with a sentence each;
    `dispersion.json`, the dispersions within families and their test; and `verdict.json`, a summary
    of both. Prints the verdict across families for the whole network, under debiased linear CKA
    where it is among the measures, else the first. Generalisation is the members' test accuracy.
    """
    records, compared = read_compared(members, matrices, settings.measures)
    outcomes = judge_layers(
        compared,
        {record.name: record.metrics["test_accuracy"] for record in records.values()},
        settings,
    )
    principle = judge_principle(compared, list(records.values()), settings)
    write_principle(folder / PRINCIPLE_FILE, principle)
    write_outcomes(folder / OUTCOMES_FILE, outcomes)
    write_verdicts(folder / VERDICT_FILE, principle, outcomes)
    return {"verdict": overall_verdict(principle)}


DISPERSION_TEST = Step(
    dispersion_test,
    settings=DispersionTestSettings,
    inputs={"matrices": Input(MATRICES), "members": Input(MEMBER, several=True)},
    outputs={"outcome": Output(OUTCOME), "verdict": Output(VALUE)},
    component="DispersionTest",
    means="Evaluate",
    derived=lambda experiment: {"schedules": "drawn" if experiment.is_drawn else "picked"},
    answer=lambda facts, folder: facts["verdict"],
)
