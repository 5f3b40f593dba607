"""Happy, unhappy, unclear: does a family generalise as well as the control, within the margin?

A family is happy where its generalisation is shown not to be inferior (one-sided), unhappy where it
is shown to be inferior by more than the margin, and unclear where neither is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

HAPPY, UNHAPPY, UNCLEAR = "happy", "unhappy", "unclear"
# With fewer seeds a family's own variance is no guide to its mean.
_FEWEST_FOR_OWN_VARIANCE = 3


@dataclass(frozen=True)
class Standing:
    """How a family generalises, against the control.

    Attributes:
        pool: "happy", "unhappy" or "unclear".
        difference: its mean generalisation less the control's.
        interval: limits of the difference, each one-sided at alpha; None where no family has two
            members' generalisation, and then the difference is taken as exact.
    """

    pool: str
    difference: float
    interval: tuple[float, float] | None


def standings(
    values: Mapping[str, Sequence[float]], control: str, margin: float, alpha: float
) -> dict[str, Standing]:
    """Compare each family with the control.

    The variance of a mean is a family's own where it and the control have three members or more
    (Welch's interval), else that of the seeds of all families, pooled.

    Args:
        values: generalisation of the members of each family, or its one mean.
        control: a family among them.
        margin: largest difference that counts as alike.
        alpha: level of each one-sided limit.

    Returns:
        A standing for each family, in order; the control is happy.
    """
    freedom = sum(len(of_family) - 1 for of_family in values.values())
    squares = sum(len(of_family) * np.var(of_family) for of_family in values.values())
    pooled = squares / freedom if freedom else None
    reference = np.asarray(values[control])
    return {
        family: Standing(HAPPY, 0.0, (0.0, 0.0) if freedom else None)
        if family == control
        else _standing(np.asarray(of_family), reference, pooled, freedom, margin, alpha)
        for family, of_family in values.items()
    }


def _standing(
    family: np.ndarray,
    control: np.ndarray,
    pooled: float | None,
    freedom: int,
    margin: float,
    alpha: float,
) -> Standing:
    difference = float(family.mean() - control.mean())
    if pooled is None:
        return Standing(_pool(difference, difference, margin), difference, None)
    if min(len(family), len(control)) >= _FEWEST_FOR_OWN_VARIANCE:
        parts = np.array([part.var(ddof=1) / len(part) for part in (family, control)])
        degrees_each = np.array([len(family) - 1, len(control) - 1])
        weight = (parts**2 / degrees_each).sum()
        freedom = parts.sum() ** 2 / weight if weight else degrees_each.sum()
        variance = parts.sum()
    else:
        variance = pooled * (1 / len(family) + 1 / len(control))
    half = float(stats.t.ppf(1 - alpha, freedom) * np.sqrt(variance))
    interval = difference - half, difference + half
    return Standing(_pool(*interval, margin), difference, interval)


def _pool(lower: float, upper: float, margin: float) -> str:
    # Rounded: 0.89 − 0.90 is less than −0.01 in floating point.
    if np.round(upper + margin, 12) < 0:
        return UNHAPPY
    return HAPPY if np.round(lower + margin, 12) >= 0 else UNCLEAR
