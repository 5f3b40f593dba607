"""P-values of several statistics over the same permutations, adjusted together.

Westfall and Young, Resampling-Based Multiple Testing (1993), algorithm 2.8: step-down minimum p.
Each statistic is turned into its own permutation p-value first, so that statistics on different
scales (layers of different width, different measures) weigh alike; the minimum over statistics is
the maximum statistic after that standardisation. The dependence between layers is kept, because
every layer sees the same permutations, so that nearly equal layers cost next to nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata


def permutation_pvalues(
    statistics: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return raw and family-wise adjusted p-values.

    Args:
        statistics: (L, B + 1) statistics of L hypotheses, larger = further from the null. The
            first column is as observed, the others come from permutations, one permutation a
            column. With every permutation present once (an exact test), the observed column is
            one of them and is to be given once.

    Returns:
        Two (L,) float64 arrays: the raw p-values #{statistic ≥ observed}/(B + 1), the observed
        itself counted, and the adjusted p-values; adjusted ≥ raw. Statistics that agree to nine
        significant digits count as ties, since rearrangements that are equal by symmetry differ
        by rounding.
    """
    draws = statistics.shape[1]
    counts = rankdata(-_rounded(statistics), method="max", axis=1)
    raw = counts[:, 0]
    adjusted = np.empty(len(raw))
    order = np.argsort(raw, kind="stable")
    smallest = np.full(draws, np.inf)
    for hypothesis in order[::-1]:
        smallest = np.minimum(smallest, counts[hypothesis])
        adjusted[hypothesis] = np.count_nonzero(smallest <= raw[hypothesis])
    adjusted[order] = np.maximum.accumulate(adjusted[order])
    return raw / draws, adjusted / draws


def _rounded(values: NDArray[np.float64], digits: int = 9) -> NDArray[np.float64]:
    usable = np.isfinite(values) & (values != 0)
    finite = np.where(usable, values, 1.0)
    factor = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(finite))))
    return np.where(usable, np.round(finite * factor) / factor, values)
