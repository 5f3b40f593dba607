"""Do families that generalise less disperse more? A permutation test whose unit is the family.

Members of a family share its schedule, so they are no independent evidence about schedules:
only families are. The statistic is Spearman's rank correlation of the families' mean
generalisation and their dispersion; the null deals the generalisations to families at random.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from akp_keras.dispersion.rearrangements import rearrangements
from akp_keras.dispersion.westfall_young import permutation_pvalues

ALTERNATIVES = ("two-sided", "less", "greater")

# 8! = 40,320 rearrangements are all listed; beyond that they are drawn.
MOST_FAMILIES_LISTED = 8


@dataclass(frozen=True)
class Association:
    """Spearman's correlation of generalisation and dispersion over families.

    Attributes:
        statistic: Spearman's ρ in [−1, 1]; negative: less generalisation, more dispersion. None
            where all dispersions or all generalisations are equal.
        pvalue: permutation p-value in (0, 1].
        adjusted_pvalue: the same, adjusted for the layers and measures tested together.
        smallest_pvalue: the smallest p-value that this number of families, with the ties of their
            generalisation, can reach.
        families: k, the number of families.
        alternative: "two-sided", "less" (ρ < 0: AKP) or "greater" (ρ > 0: anti-AKP).
        exact: whether all k! rearrangements were listed, rather than drawn at random.
    """

    statistic: float | None
    pvalue: float
    adjusted_pvalue: float
    smallest_pvalue: float
    families: int
    alternative: str
    exact: bool


def associations(
    generalisation: NDArray[np.float64],
    dispersions: NDArray[np.float64],
    permutations: int,
    rng: np.random.Generator,
    alternative: str = "two-sided",
) -> list[Association]:
    """Test the association of generalisation and dispersion in several layers together.

    Args:
        generalisation: (k,) a family's mean, higher = generalises better; k ≥ 2.
        dispersions: (L, k) the families' dispersion under L layers or measures.
        permutations: number of random rearrangements where k! is too many to list.
        rng: the source of rearrangements; unused where all are listed.
        alternative: "two-sided", "less" or "greater", as in SciPy, about ρ.

    Returns:
        L associations in order.
    """
    families = len(generalisation)
    exact = families <= MOST_FAMILIES_LISTED
    dealt = _rearrangements(_centred_ranks(generalisation), permutations, rng, exact)
    reference = _centred_ranks(np.arange(families, dtype=np.float64))
    attainable = _oriented(_correlations(dealt, reference), alternative)
    best = max(
        _oriented(_correlations(np.sort(dealt[0])[None, ::step], reference), alternative).item()
        for step in (1, -1)
    )
    # With equal generalisations no arrangement differs from another: every p-value is 1.
    smallest = max(np.count_nonzero(attainable >= best), 1) / len(dealt)

    correlations = np.stack([_correlations(dealt, _centred_ranks(row)) for row in dispersions])
    raw, adjusted = permutation_pvalues(_oriented(correlations, alternative))
    varies = np.ptp(generalisation) > 0
    return [
        Association(
            statistic=float(rho[0]) if varies and np.ptp(row) > 0 else None,
            pvalue=float(p),
            adjusted_pvalue=float(q),
            smallest_pvalue=float(smallest),
            families=families,
            alternative=alternative,
            exact=exact,
        )
        for rho, row, p, q in zip(correlations, dispersions, raw, adjusted, strict=True)
    ]


def ranks_beyond_margin(generalisation: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    """Return ranks of families, in which differences within the margin do not count.

    A family's rank is the number of families it surpasses by more than the margin, less the number
    that surpass it so. Without a margin these are the usual ranks, but for shift and scale. Ties
    of whole groups would not do: being within the margin is not transitive, and forty families
    that lie a tenth of the margin apart are neither one group nor forty.

    Args:
        generalisation: (k,) values, higher = better.
        margin: largest difference that counts as alike, in the unit of the values.

    Returns:
        (k,) float64, summing to 0.
    """
    # Rounded: 0.90 − 0.89 is more than 0.01 in floating point.
    apart = np.round(np.abs(generalisation[:, None] - generalisation) - margin, 12) > 0
    return (apart * np.sign(generalisation[:, None] - generalisation)).sum(axis=1)


def fewest_families(alpha: float, alternative: str = "two-sided") -> int:
    """Return the smallest number of families, none tied, whose test can reach a level.

    Args:
        alpha: level in (0, 1).
        alternative: as in `associations`.

    Returns:
        The smallest k with c/k! ≤ alpha, where c is 2 for the two-sided test and 1 otherwise.
    """
    extremes = 2 if alternative == "two-sided" else 1
    return next(k for k in itertools.count(2) if extremes / math.factorial(k) <= alpha)


def _centred_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    ranks = rankdata(values)
    return ranks - ranks.mean()


def _rearrangements(
    ranks: NDArray[np.float64], permutations: int, rng: np.random.Generator, exact: bool
) -> NDArray[np.float64]:
    if exact:
        # The first permutation listed is the identity, the arrangement as observed.
        return ranks[np.array(list(itertools.permutations(range(len(ranks)))))]
    drawn = rearrangements(len(ranks), permutations, rng)
    return np.vstack([ranks, *(ranks[orders] for orders in drawn)])


def _correlations(dealt: NDArray[np.float64], ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = np.linalg.norm(dealt[0]) * np.linalg.norm(ranks)
    if norm == 0.0:
        return np.zeros(len(dealt))
    # Rounded, so that arrangements of equal correlation count as ties.
    return np.round(dealt @ ranks / norm, 12)


def _oriented(correlations: NDArray[np.float64], alternative: str) -> NDArray[np.float64]:
    if alternative == "two-sided":
        return np.abs(correlations)
    return -correlations if alternative == "less" else correlations
