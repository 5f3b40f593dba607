"""The families that one hypothesis is about, and whether they can decide it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.association import ranks_beyond_margin
from akp_keras.dispersion.chance import nothing_learnt
from akp_keras.dispersion.estimands import ACROSS, WITHIN, FamilyDistances
from akp_keras.dispersion.residual_test import (
    Hypothesis,
    ResidualSpread,
    SeedSpread,
    residual_spread,
)
from akp_keras.dispersion.study import Study
from akp_keras.dispersion.trend import (
    FEWEST_FOR_A_CURVE,
    MOST_LEVERAGE,
    leverage,
    location_trend,
)
from akp_keras.dispersion.wording import pvalue_text

# With fewer the residuals of the trend are too few to permute.
FEWEST_FAMILIES = 7


@dataclass(frozen=True)
class Rules:
    """What counts as a difference and when.

    Attributes:
        alpha: level of the tests.
        margin: largest difference of generalisation that counts as alike.
        chance: generalisation of a model that guesses; None where it is not known.
    """

    alpha: float
    margin: float
    chance: float | None


@dataclass(frozen=True)
class Selection:
    """Families of a study, for one estimand.

    Attributes:
        estimand: "across", "between" or "within".
        kept: (s,) increasing indices of the families among those of the study.
        generalisation: (s,) their means.
        scores: (s,) ranks of these, in which differences within the margin do not count.
        blocks: (s,) their blocks; None for one block.
        curved: whether the trend of location is a spline.
        alone: names of families left out, as each alone determines the trend at its place.
    """

    estimand: str
    kept: NDArray[np.int64]
    generalisation: NDArray[np.float64]
    scores: NDArray[np.float64]
    blocks: NDArray[np.int64] | None
    curved: bool
    alone: tuple[str, ...]

    def trend(self) -> NDArray[np.float64]:
        """Return (s, p) orthonormal basis of the trend of location."""
        return location_trend(self.generalisation, self.blocks, curved=self.curved)

    def spread(self, distances: FamilyDistances) -> ResidualSpread | SeedSpread:
        """Return how far these families are spread, from the distances of all of the study."""
        own = distances.among(self.kept)
        if self.estimand == WITHIN:
            return SeedSpread(own.within)
        return residual_spread(getattr(own, self.estimand), self.trend())

    def hypothesis(self, distances: FamilyDistances) -> Hypothesis:
        """Return the hypothesis that spread is unrelated to generalisation."""
        return Hypothesis(self.spread(distances), self.scores, self.kept)

    def spreads_without_each(self, distances: FamilyDistances) -> NDArray[np.float64]:
        """Return squared spreads of all families but one.

        Returns:
            (s, s) float64, in row i those without family i; NaN for i itself, and where without it
            another family alone determines the trend at its place.
        """
        families = len(self.kept)
        spreads = np.full((families, families), np.nan)
        for left_out in range(families):
            rest = np.delete(np.arange(families), left_out)
            others = dataclasses.replace(
                self,
                kept=self.kept[rest],
                generalisation=self.generalisation[rest],
                scores=self.scores[rest],
                blocks=None if self.blocks is None else self.blocks[rest],
            )
            values = others.spread(distances).values
            if self.estimand != WITHIN:
                values = np.where(leverage(others.trend()) > MOST_LEVERAGE, np.nan, values)
            spreads[left_out, rest] = values
        return spreads


def select(
    study: Study,
    wanted: NDArray[np.bool_],
    estimand: str,
    margin: float,
    *,
    curved: bool | None = None,
) -> Selection:
    """Select the families of a hypothesis.

    Args:
        study: all families.
        wanted: (k,) which of them the hypothesis is about.
        estimand: "across", "between" or "within"; the last two need families of two members.
        margin: largest difference of generalisation that counts as alike.
        curved: whether the trend of location is a spline; by default from 13 families on.

    Returns:
        The selection, possibly of no family.
    """
    kept = np.flatnonzero(wanted & ((study.sizes > 1) | (estimand == ACROSS)))
    if curved is None:
        curved = len(kept) >= FEWEST_FOR_A_CURVE
    alone: list[str] = []
    while estimand != WITHIN and len(kept):
        blocks = None if study.blocks is None else study.blocks[kept]
        trend = location_trend(study.generalisation[kept], blocks, curved=curved)
        steering = leverage(trend) > MOST_LEVERAGE
        if not steering.any():
            break
        alone.extend(study.names[place] for place in kept[steering])
        kept = kept[~steering]
    generalisation = study.generalisation[kept]
    return Selection(
        estimand,
        kept,
        generalisation,
        ranks_beyond_margin(generalisation, margin),
        None if study.blocks is None else study.blocks[kept],
        curved,
        tuple(sorted(alone)),
    )


def obstacle(study: Study, selection: Selection, rules: Rules) -> str | None:
    """Return why the families cannot decide, whatever their distances.

    Args:
        study: all families.
        selection: those of the hypothesis.
        rules: level, margin and chance.

    Returns:
        A sentence; None where they can.
    """
    if study.control not in study.names:
        return f"All members of the control ({study.control}) are at chance."
    control = study.generalisation[study.names.index(study.control)]
    learnt = nothing_learnt(float(control), rules.chance, rules.margin)
    if learnt is not None:
        return learnt
    families = len(selection.kept)
    if families < FEWEST_FAMILIES:
        several = "" if selection.estimand == ACROSS else " of two members or more"
        above = "" if rules.chance is None else " above chance"
        return (
            f"There {'is' if families == 1 else 'are'} {families} "
            f"{'family' if families == 1 else 'families'}{several}{above}, and at least "
            f"{FEWEST_FAMILIES} are needed."
        )
    if not study.unhappy(selection.kept):
        return (
            f"No family generalises worse than {study.control} by more than the margin "
            f"({rules.margin:g}), so there is no unhappy family to compare."
        )
    smallest = _smallest_pvalue(selection.scores)
    if smallest > rules.alpha:
        return (
            "Too few families differ in generalisation by more than the margin "
            f"({rules.margin:g}): the test cannot fall below {pvalue_text(smallest)}."
        )
    return None


def _smallest_pvalue(scores: NDArray[np.float64]) -> float:
    _, ties = np.unique(scores, return_counts=True)
    arrangements = math.lgamma(len(scores) + 1) - sum(math.lgamma(tie + 1) for tie in ties)
    # Of all arrangements the best in either direction.
    return min(1.0, 2 * math.exp(-arrangements))
