"""The principle, put to the members of a run as the paper puts it: across schedules.

`principle.json` has everything that the test found; `verdict.json` is its summary, with what was
found within families beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from akp_keras import dispersion
from akp_keras.comparison import SimilarityMatrix
from akp_keras.dispersion import AkpOutcome
from akp_keras.dispersion.akp_verdict import EQUIVALENT, NO_DIFFERENCE, SHOWN
from akp_keras.dispersion.verdict import UNDECIDABLE
from akp_keras.export import MemberRecord
from akp_keras.files.whole import read_json, write_json
from akp_keras.hotswap import Schedule
from akp_keras.steps.verdicts import JudgingSettings, Outcomes, comparable_distances
from akp_keras.stress import kinds_of

PRINCIPLE_FILE = "principle.json"
VERDICT_FILE = "verdict.json"
# Biased CKA depends on the number of samples, on width and on effective rank, which stress changes.
_LEADING = "cka.linear.debiased"

Principle = Mapping[tuple[str, str], AkpOutcome]


def judge_principle(
    matrices: Sequence[SimilarityMatrix],
    members: Sequence[MemberRecord],
    settings: JudgingSettings,
) -> dict[tuple[str, str], AkpOutcome]:
    """Test whether models of families that generalise less differ more from each other.

    Families of one schedule count as one. Members without a comparable representation somewhere
    are left out everywhere; those within the margin of always answering the commonest class are
    left out and reported.

    Args:
        matrices: one per layer and measure.
        members: in the order of the matrices; generalisation is their test accuracy.
        settings: the control, the test and the seed of its permutations.

    Returns:
        (layer, measure) -> verdicts across, between and within families.

    Raises:
        ValueError: in one line, if the control is not a family, or has no comparable member.
    """
    distances, names = comparable_distances(
        matrices, [member.name for member in members], settings.control
    )
    kept = [member for member in members if member.name in set(names)]
    families = _families_by_schedule(kept, settings.control)
    schedules = {families[member.name]: Schedule.parse(member.schedule) for member in kept}
    # Members of another trainer may not say what guessing would reach.
    chances = [member.metrics.get("chance_accuracy") for member in kept]
    with threadpool_limits(1):
        return dispersion.akp_tests(
            distances,
            [families[name] for name in names],
            [member.metrics["test_accuracy"] for member in kept],
            control=settings.control,
            kinds={
                family: kinds
                for family, schedule in schedules.items()
                if (kinds := kinds_of(schedule, schedules[settings.control]))
            }
            or None,
            chance=None if None in chances else max(chances),
            margin=settings.margin,
            alpha=settings.alpha,
            members=names,
            drawn=settings.schedules == "drawn",
            permutations=settings.permutations,
            seed=settings.seed,
        )


def leading_measure(measures: Sequence[str]) -> str:
    """Return the measure whose verdicts are shown first: debiased CKA, where it is among them."""
    return _LEADING if _LEADING in measures else measures[0]


def overall_verdict(principle: Principle) -> str:
    """Return one verdict across families for the whole network, on which a later step can branch.

    It joins the layers under the leading measure. The error rate of their verdicts is bounded
    jointly, so that one layer is enough.

    Args:
        principle: (layer, measure) -> outcome.

    Returns:
        "AKP" if at least one layer shows it and none the opposite, "anti-AKP" likewise, and
        "AKP and anti-AKP" where layers contradict each other; else "undecidable" if no layer could
        be decided, "equivalent" if all that could be are, and "no difference found".
    """
    leading = leading_measure([measure for _, measure in principle])
    verdicts = {
        outcome.across.verdict for (_, measure), outcome in principle.items() if measure == leading
    }
    if shown := [verdict for verdict in SHOWN if verdict in verdicts]:
        return " and ".join(shown)
    if verdicts == {UNDECIDABLE}:
        return UNDECIDABLE
    return EQUIVALENT if verdicts <= {EQUIVALENT, UNDECIDABLE} else NO_DIFFERENCE


def write_verdicts(path: Path, principle: Principle, outcomes: Outcomes) -> None:
    """Write `verdict.json`: the verdicts across and within families per layer and measure.

    Args:
        path: the file.
        principle: (layer, measure) -> outcome across families.
        outcomes: (layer, measure) -> outcome of the test within families.
    """
    write_json(
        path,
        {
            "verdict": overall_verdict(principle),
            "measure": leading_measure([measure for _, measure in principle]),
            "verdicts": [
                {
                    "layer": layer,
                    "measure": measure,
                    "verdict": outcome.across.verdict,
                    "qualifiers": list(outcome.across.qualifiers),
                    "sentence": outcome.across.sentence,
                    "cautions": list(outcome.cautions),
                    "adjusted_pvalue": outcome.across.adjusted_pvalue,
                    "within_families": {
                        "verdict": outcomes[layer, measure].verdict,
                        "reason": outcomes[layer, measure].reason,
                        "cautions": list(outcomes[layer, measure].cautions),
                        "adjusted_pvalue": outcomes[layer, measure].adjusted_pvalue,
                    },
                }
                for (layer, measure), outcome in principle.items()
            ],
        },
    )


def write_principle(path: Path, principle: Principle) -> None:
    """Write `principle.json`: everything that the test found."""
    write_json(
        path,
        [
            {"layer": layer, "measure": measure, **outcome.to_dict()}
            for (layer, measure), outcome in principle.items()
        ],
    )


def read_principle(path: Path) -> dict[tuple[str, str], AkpOutcome]:
    """Read what `write_principle` wrote.

    Raises:
        ValueError: if the file is missing or damaged, in one line that names it.
    """
    try:
        return {
            (entry.pop("layer"), entry.pop("measure")): AkpOutcome.from_dict(entry)
            for entry in read_json(path)
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error}); remove it and test the principle again"
        ) from error


def _families_by_schedule(members: Sequence[MemberRecord], control: str) -> dict[str, str]:
    """Return member -> family, one for each schedule: that of the control, or the first.

    Where all have one schedule, the families stay apart, as there would be nothing to compare.
    """
    first: dict[str, str] = {}
    for member in sorted(members, key=lambda member: member.family != control):
        first.setdefault(member.schedule, member.family)
    if len(first) < 2:
        return {member.name: member.family for member in members}
    return {member.name: first[member.schedule] for member in members}
