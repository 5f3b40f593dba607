"""Where families lie, as far as their generalisation says: what is taken out before their spread.

Unhappy models may lie elsewhere than happy ones without differing more from each other, so the
families' location is regressed on generalisation and the test looks at what is left. The form of
the trend was chosen by simulation (`python benchmarks/calibration.py --tables=trends`,
docs/calibration.md):

- A straight line is right up to 12 families. Where location bends, it leaves the bend in the
  residuals: few families do not have the power to mistake that for a difference of spread, more
  have (14 % of rejections at 0.05 with 40 families, 80 % of them within four points).
- From 13 families on, a restricted cubic spline with knots at the 5th, 35th, 65th and 95th per cent
  of the families (Harrell, Regression Modeling Strategies, 2015, section 2.4) keeps its level over
  all shapes tried. It is linear beyond the outer knots, so that one or two families far from the
  others steer what is said of themselves and not the trend among the others, which ranks of
  generalisation do not achieve, and a parabola does for parabolas alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_FOR_A_CURVE = 13
# Of a family that alone determines the trend at its place nothing is left.
MOST_LEVERAGE = 1.0 - 1e-6
_KNOTS = (0.05, 0.35, 0.65, 0.95)


def location_trend(
    generalisation: NDArray[np.float64],
    blocks: NDArray[np.int64] | None = None,
    *,
    curved: bool | None = None,
) -> NDArray[np.float64]:
    """Return an orthonormal basis of the trend of location.

    Args:
        generalisation: (k,) means of the families.
        blocks: (k,) the block of each family; each block has a level of its own.
        curved: whether the trend is a spline, rather than a straight line; by default from 13
            families on.

    Returns:
        (k, p) float64: columns that span the levels, the line and the curve, as far as they are
        linearly independent.
    """
    families = len(generalisation)
    labels = np.zeros(families, dtype=np.int64) if blocks is None else blocks
    columns = [(labels == label).astype(np.float64) for label in np.unique(labels)]
    spread = np.ptp(generalisation)
    if spread > 0:
        position = (generalisation - generalisation.min()) / spread
        columns.append(position)
        if families >= FEWEST_FOR_A_CURVE if curved is None else curved:
            columns.extend(_bends(position))
    design = np.column_stack(columns)
    vectors, values, _ = np.linalg.svd(design / np.linalg.norm(design, axis=0), full_matrices=False)
    return vectors[:, values > 1e-7 * values[0]]


def leverage(basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each family determines the trend at its own place, (k,) in [0, 1]."""
    return (basis**2).sum(axis=1)


def _bends(position: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    knots = np.unique(np.quantile(position, _KNOTS))
    if len(knots) < 3:
        return []
    *first, before, last = knots

    def cubed(knot: float) -> NDArray[np.float64]:
        return np.maximum(position - knot, 0.0) ** 3

    return [
        cubed(knot)
        - cubed(before) * (last - knot) / (last - before)
        + cubed(last) * (before - knot) / (last - before)
        for knot in first
    ]
