"""The interval drawn around a family's mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def half_width_of_mean(values: Sequence[float], confidence: float) -> float:
    """Return half the width of Student's t interval of a mean.

    Args:
        values: one number a member.
        confidence: level of the interval, between 0 and 1.

    Returns:
        The half-width in the unit of the values; 0 with fewer than two of them, where no
        interval can be given.
    """
    count = len(values)
    if count < 2:
        return 0.0
    error = float(np.std(values, ddof=1)) / np.sqrt(count)
    return float(stats.t.ppf((1 + confidence) / 2, count - 1) * error)
