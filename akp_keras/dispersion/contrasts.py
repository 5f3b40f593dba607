"""Pairwise contrasts of dispersion, with intervals that hold for all pairs together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from akp_keras.dispersion import inputs
from akp_keras.dispersion.ratios import dispersion_ratio, log_ratio_error


@dataclass(frozen=True)
class Contrast:
    """One family against another.

    Attributes:
        family: the family in the numerator.
        reference: the family in the denominator.
        log_ratio: log(dispersion of the family / dispersion of the reference); ±inf where one has
            none, None where both have none or one has a single member.
        interval: limits of the log ratio; with probability `level` the intervals of all pairs hold
            together. None where the log ratio is not finite or a family has fewer than three
            members.
        pvalue: of no difference, adjusted for the number of pairs; None with the interval.
        level: simultaneous confidence level.
    """

    family: str
    reference: str
    log_ratio: float | None
    interval: tuple[float, float] | None
    pvalue: float | None
    level: float


def pairwise_contrasts(
    distances: ArrayLike,
    families: Sequence[str],
    *,
    control: str | None = None,
    level: float = 0.95,
) -> tuple[Contrast, ...]:
    """Compare the dispersions of families, pair by pair.

    Each log ratio has the jackknife's error over members and Welch's degrees of freedom
    (`akp_keras.dispersion.ratios`); the intervals of n pairs are taken at the level level^(1/n),
    so that all hold together with probability `level` (Šidák, J. Am. Stat. Assoc. 62, 1967, where
    dependence makes them safer).

    Args:
        distances: (M, M) distances.
        families: the family of each member.
        control: compare with this family only; None for all pairs.
        level: simultaneous confidence level, in (0, 1).

    Returns:
        The contrasts, in the order in which families appear.

    Raises:
        ValueError: if the distances, families, control or level do not fit.
    """
    names = inputs.checked_families(families)
    matrix = inputs.checked_distances(distances, len(names), "distances")
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; it must lie between 0 and 1, as 0.95 does")
    squared = (matrix / inputs.unit_of(matrix)) ** 2
    order = list(dict.fromkeys(names))
    blocks = {}
    for family in order:
        rows = np.flatnonzero(np.array(names) == family)
        blocks[family] = squared[np.ix_(rows, rows)]
    if control is None:
        pairs = [(later, earlier) for earlier, later in itertools.combinations(order, 2)]
    else:
        reference = inputs.checked_control(control, names)
        pairs = [(family, reference) for family in order if family != reference]
    each = level ** (1 / len(pairs))
    contrasts = []
    for family, reference in pairs:
        ratio = dispersion_ratio(blocks[family], blocks[reference], each)
        pvalue = None
        if ratio.interval is not None:
            error, degrees = log_ratio_error(blocks[family], blocks[reference])
            pvalue = _adjusted(ratio.log_ratio, error, degrees, len(pairs))
        contrasts.append(
            Contrast(family, reference, ratio.log_ratio, ratio.interval, pvalue, level)
        )
    return tuple(contrasts)


def _adjusted(log_ratio: float, error: float, degrees: float, pairs: int) -> float:
    if error == 0.0:
        return 1.0 if log_ratio == 0.0 else 0.0
    single = 2 * stats.t.sf(abs(log_ratio) / error, degrees)
    # 1 − (1 − p)^n without cancellation where p is small.
    return float(-math.expm1(pairs * math.log1p(-single))) if single < 1 else 1.0
