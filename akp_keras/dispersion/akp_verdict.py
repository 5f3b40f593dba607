"""Verdict, qualifiers and sentence on one estimand of the Anna Karenina principle.

*AKP* where the adjusted p-value is at most alpha and families that generalise less are spread
more, *anti-AKP* where they are spread less, both with at least one unhappy family. *Equivalent*
where that is not shown and the interval of the ratio, over ten points lost or the interquartile
range of the design where that is more, lies in the range declared. *No difference found* where
neither is shown, with the smallest ratio that could have been seen. *Undecidable* where the
design cannot answer (`akp_keras.dispersion.selection.obstacle`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from akp_keras.dispersion.akp_outcome import Retest
from akp_keras.dispersion.effect import Effect
from akp_keras.dispersion.estimands import ACROSS, BETWEEN, WITHIN
from akp_keras.dispersion.verdict import AKP, ANTI_AKP, UNDECIDABLE
from akp_keras.dispersion.wording import pvalue_text

NO_DIFFERENCE = "no difference found"
EQUIVALENT = "equivalent"
SHOWN = (AKP, ANTI_AKP)

_WITHOUT = "undecidable without "

_HEADS = {
    ACROSS: {
        AKP: "Literal AKP",
        ANTI_AKP: "Literal anti-AKP",
        NO_DIFFERENCE: "No difference found across families",
        EQUIVALENT: "Equivalent across families",
        UNDECIDABLE: "Undecidable across families",
    },
    **{
        estimand: {
            AKP: f"AKP {where}",
            ANTI_AKP: f"Anti-AKP {where}",
            NO_DIFFERENCE: f"No difference found {where}",
            EQUIVALENT: f"Equivalent {where}",
            UNDECIDABLE: f"Undecidable {where}",
        }
        for estimand, where in (
            (BETWEEN, "between families' centroids"),
            (WITHIN, "within families"),
        )
    },
}


def decide(
    statistic: float,
    adjusted_pvalue: float,
    effect: Effect | None,
    *,
    alpha: float,
    equivalence: tuple[float, float],
    per: float,
) -> str:
    """Return the verdict on families that can decide.

    Args:
        statistic: Spearman's ρ of spread and generalisation.
        adjusted_pvalue: its adjusted p-value.
        effect: the ratio of spread.
        alpha: level of the test.
        equivalence: the range of ratios that counts as equivalent.
        per: loss of generalisation to which that range refers at least.

    Returns:
        The verdict.
    """
    if adjusted_pvalue <= alpha and statistic != 0:
        return AKP if statistic < 0 else ANTI_AKP
    limits = effect and effect.over(max(per, effect.interquartile_range))
    if limits and equivalence[0] <= limits[1] and limits[2] <= equivalence[1]:
        return EQUIVALENT
    return NO_DIFFERENCE


def component(across: str, between: str, within: str) -> str | None:
    """Return which part of the spread across families drives it.

    Args:
        across: verdict on models of different families.
        between: verdict on centroids.
        within: verdict on seeds.

    Returns:
        A qualifier where one part shows the same and the other, decided, does not.
    """
    if across not in SHOWN or UNDECIDABLE in (between, within):
        return None
    if (between == across) == (within == across):
        return None
    return f"driven by {BETWEEN if between == across else WITHIN}"


def carriers(verdict: str, without_kind: Mapping[str, Retest], alpha: float) -> list[str]:
    """Return the kinds of stress without which the verdict is gone.

    Args:
        verdict: on all families.
        without_kind: the test without each kind.
        alpha: level of the test.

    Returns:
        Qualifiers, possibly none.
    """
    if verdict not in SHOWN:
        return []
    qualifiers = []
    for kind, retest in without_kind.items():
        if retest.pvalue is None:
            qualifiers.append(f"{_WITHOUT}{kind}")
        elif not _holds(verdict, retest, alpha):
            qualifiers.append(f"carried by {kind}")
    return qualifiers


def is_fragile(verdict: str, without_family: Mapping[str, Retest], alpha: float) -> bool:
    """Return whether the verdict is gone without some one family.

    Args:
        verdict: on all families.
        without_family: the test without each family.
        alpha: level of the test.
    """
    return verdict in SHOWN and not all(
        _holds(verdict, retest, alpha) for retest in without_family.values()
    )


def _holds(verdict: str, retest: Retest, alpha: float) -> bool:
    if retest.pvalue is None or retest.pvalue > alpha:
        return False
    return (retest.statistic < 0) == (verdict == AKP)


@dataclass(frozen=True)
class Context:
    """What a sentence says of where it holds.

    Attributes:
        where: layer and measure, "dense under cka.linear.debiased"; empty where there is one.
        kind: the kind of stress; None for all families.
        drawn: whether the families were drawn from a distribution of stress.
        permutations: number of random permutations.
        points: whether generalisation is a fraction, so that differences of it are points.
    """

    where: str
    kind: str | None
    drawn: bool
    permutations: int
    points: bool


def write_sentence(
    estimand: str,
    verdict: str,
    context: Context,
    *,
    reason: str,
    statistic: float | None,
    pvalue: float | None,
    families: int,
    effect: Effect | None,
    qualifiers: Sequence[str],
    within: str | None,
) -> str:
    """Return the verdict as it may be published.

    Args:
        estimand: "across", "between" or "within".
        verdict: on it.
        context: where it holds.
        reason: why it is undecidable.
        statistic: Spearman's ρ.
        pvalue: adjusted.
        families: number of families.
        effect: the ratio of spread.
        qualifiers: of the verdict.
        within: the verdict on seeds, for the sentence on models across families.

    Returns:
        One sentence.
    """
    head = _HEADS[estimand][verdict]
    if context.kind is not None:
        head += f" for {context.kind}"
    if context.where:
        head += f" at {context.where}"
    if verdict == UNDECIDABLE:
        return f"{head}: {reason}"
    of = "this distribution of stress" if context.drawn else "these schedules"
    test = (
        f"(ρ = {statistic:.2f}, {pvalue_text(pvalue, context.permutations)}, {families} families)"
    )
    parts = [f"{head}, of {of}: {_effect_text(effect, context.points)}{test}"]
    if verdict == NO_DIFFERENCE and effect is not None and effect.smallest_detectable is not None:
        parts.append(
            f"a ratio of {effect.smallest_detectable:.2f} would have been seen with a power of 0.8"
        )
    parts.extend(_merged(qualifiers))
    if within is not None:
        parts.append(f"within families: {'none' if within == NO_DIFFERENCE else within}")
    return "; ".join(parts) + "."


def _merged(qualifiers: Sequence[str]) -> list[str]:
    """Return the qualifiers with all kinds without which nothing can be said in one."""
    kinds = [text.removeprefix(_WITHOUT) for text in qualifiers if text.startswith(_WITHOUT)]
    others = [text for text in qualifiers if not text.startswith(_WITHOUT)]
    return others + ([_WITHOUT + " or ".join(kinds)] if kinds else [])


def _effect_text(effect: Effect | None, points: bool) -> str:
    if effect is None:
        return ""
    limits = ""
    if effect.interval is not None:
        limits = f" [{effect.interval[0]:.2f}, {effect.interval[1]:.2f}]"
    lost = f"{100 * effect.loss:.3g} points" if points else f"{effect.loss:.3g} of generalisation"
    return f"spread ×{effect.ratio:.2f}{limits} per {lost} lost "
