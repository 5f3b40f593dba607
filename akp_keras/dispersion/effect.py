"""How much more families vary for the generalisation that they lose: a ratio with its interval.

The families' squared spreads are regressed on generalisation g with a logarithmic link,
E z² = exp(a − b·g), by quasi-likelihood with a variance that grows with the square of the mean
(McCullagh and Nelder, Generalized Linear Models, 1989, chapter 8), which leaves zeros in. The
spread, a standard deviation, is then exp(b·l / 2) times as large where l of generalisation is
lost. The interval leaves out one family at a time, trend of location and all, and takes Student's
t (jackknife; Efron and Stein, Annals of Statistics 9, 1981). Its coverage is in
docs/calibration.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Effect:
    """The ratio of spread for a loss of generalisation.

    Attributes:
        ratio: spread (standard deviation) over the spread of families that generalise better by
            `loss`; above 1 = less generalisation, more spread.
        interval: confidence limits of the ratio; None where leaving out some family leaves nothing
            to fit.
        loss: the difference of generalisation of which the ratio speaks: ten points of accuracy
            by default, or the interquartile range of the families' generalisation where that is
            less, so that no ratio goes beyond what the design holds.
        level: confidence level of the interval.
        smallest_detectable: the smallest ratio above 1 that the design finds with a power of 0.8
            at the level 1 − `level`; None with the interval.
        slope: b, the increase of the logarithm of the squared spread per unit of generalisation
            lost.
        standard_error: of the slope; None with the interval.
        degrees: degrees of freedom of Student's t.
        interquartile_range: of the families' generalisation.
    """

    ratio: float
    interval: tuple[float, float] | None
    loss: float
    level: float
    smallest_detectable: float | None
    slope: float
    standard_error: float | None
    degrees: int
    interquartile_range: float

    def over(self, loss: float) -> tuple[float, float, float] | None:
        """Return the ratio and its limits for another loss of generalisation.

        Args:
            loss: difference of generalisation, positive.

        Returns:
            (ratio, lower, upper); None where there is no interval.
        """
        if self.standard_error is None:
            return None
        half = stats.t.ppf(0.5 + self.level / 2, self.degrees) * self.standard_error
        return tuple(
            _ratio(slope, loss) for slope in (self.slope, self.slope - half, self.slope + half)
        )


def effect_of(
    generalisation: NDArray[np.float64],
    squared: NDArray[np.float64],
    left_out: NDArray[np.float64],
    *,
    per: float,
    level: float,
) -> Effect | None:
    """Return the effect, from spreads of all families and of all but one.

    Args:
        generalisation: (k,) means of the families.
        squared: (k,) squared spreads; negative ones count as 0.
        left_out: (k, k) squared spreads, in row i those without family i; NaN for i itself and
            where there is none.
        per: the loss of generalisation for which the ratio is given, where the design holds it.
        level: confidence level, in (0, 1).

    Returns:
        The effect; None where spreads or generalisations leave nothing to fit.
    """
    families = len(generalisation)
    slopes = _slopes(-generalisation, np.vstack([squared, left_out]))
    slope, without = float(slopes[0]), slopes[1:]
    if not math.isfinite(slope):
        return None
    low, high = np.quantile(generalisation, [0.25, 0.75])
    quartiles = float(high - low)
    loss = min(per, quartiles if quartiles > 0 else float(np.ptp(generalisation)))
    degrees = families - 2
    error = None
    if np.isfinite(without).all():
        deviations = without - without.mean()
        error = math.sqrt((families - 1) / families * float((deviations**2).sum()))
    plain = Effect(_ratio(slope, loss), None, loss, level, None, slope, error, degrees, quartiles)
    if error is None:
        return plain
    _, lower, upper = plain.over(loss)
    needed = (stats.t.ppf(0.5 + level / 2, degrees) + stats.t.ppf(0.8, degrees)) * error
    return Effect(
        plain.ratio,
        (lower, upper),
        loss,
        level,
        _ratio(needed, loss),
        slope,
        error,
        degrees,
        quartiles,
    )


def _ratio(slope: float, loss: float) -> float:
    # Beyond e^±300 a ratio says no more than that, and its square would overflow.
    return math.exp(min(max(slope * loss / 2, -300.0), 300.0))


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return slopes b of E y = exp(a + b·x) over rows of y (n, k), without NaN; NaN if not finite.

    Newton's method: the quasi-likelihood −Σ w (y/μ + log μ) is concave in a and b.
    """
    scale = np.std(x)
    slopes = np.full(len(y), np.nan)
    if scale == 0:
        return slopes
    x = (x - x.mean()) / scale
    weights = np.isfinite(y).astype(np.float64)
    y = np.where(weights > 0, np.maximum(y, 0.0), 0.0)
    fits = np.array([_has_maximum(x, *row) for row in zip(y, weights, strict=True)], dtype=bool)
    if not fits.any():
        return slopes
    y, weights = y[fits], weights[fits]
    y = y / (y.sum(axis=1) / weights.sum(axis=1))[:, None]
    level, slope = np.zeros(len(y)), np.zeros(len(y))
    for _ in range(200):
        share = weights * y * np.exp(-(level[:, None] + slope[:, None] * x))
        gradient = (share - weights).sum(axis=1), ((share - weights) * x).sum(axis=1)
        s0, s1 = share.sum(axis=1), (share * x).sum(axis=1)
        deviations = x - (s1 / s0)[:, None]
        # Of one row about its mean: s0·Σ share·x² − s1² would be rounded to 0 or below.
        determinant = np.maximum(s0 * (share * deviations**2).sum(axis=1), 1e-300)
        steps = np.array(
            [
                (share * x * x).sum(axis=1) * gradient[0] - s1 * gradient[1],
                s0 * gradient[1] - s1 * gradient[0],
            ]
        )
        # Short steps: far from the maximum the parabola is no guide.
        steps /= np.maximum(determinant, np.abs(steps).max(axis=0))
        level, slope = level + steps[0], slope + steps[1]
        if np.abs(steps).max() < 1e-10:
            break
    slopes[fits] = slope / scale
    return slopes


def _has_maximum(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> bool:
    """Return whether the slope is finite: positive values lie on both sides of the mean of x."""
    positive = x[y > 0]
    if not len(positive):
        return False
    return positive.min() < (x * weights).sum() / weights.sum() < positive.max()
