"""Intervals over samples by the delete-a-group jackknife.

A bootstrap draws samples twice, and a sample is more like itself than like any other: it moves
every similarity up. The jackknife leaves samples out instead, and takes off the part of the bias
that falls as 1/n. Groups of unequal size are weighted as in Busing, Meijer and van der Leeden 1999,
Statistics and Computing 9.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.stats

from akp_keras.similarity.declaration import Declaration

# The fields of `result.Intervals` that are tables.
INTERVAL_FIELDS = ("estimate", "error", "low", "high")

# Of more samples than this, groups of samples are left out in place of single ones.
_MOST_GROUPS = 50


def number_of_groups(samples: int) -> int:
    """Return how many groups n samples are dealt to."""
    return min(samples, _MOST_GROUPS)


def groups_of_samples(samples: int, seed: int, positions: int = 1) -> list[np.ndarray]:
    """Draw the groups that are left out, the same for every pair and measure.

    Args:
        samples: n.
        seed: of the generator.
        positions: how many successive rows belong to one sample. They are left out together.

    Returns:
        For each of min(n, 50) groups the sorted rows that stay, of n · positions.
    """
    count = number_of_groups(samples)
    order = np.random.default_rng(seed).permutation(samples)
    kept = []
    for group in range(count):
        stay = np.ones(samples, dtype=bool)
        stay[order[group::count]] = False
        kept.append(np.flatnonzero(np.repeat(stay, positions)))
    return kept


def jackknife(
    actual: np.ndarray,
    without: Sequence[np.ndarray],
    shares: np.ndarray,
    level: float,
    measure: Declaration,
) -> dict[str, np.ndarray]:
    """Make intervals of the values without each group.

    Args:
        actual: (…) values of all samples.
        without: for each of G groups the (…) values without it.
        shares: (G,) the share of the samples in each group.
        level: the probability with which an interval holds the value of the population.
        measure: what the measure declares; intervals end where its range does.

    Returns:
        The fields of `Intervals`, (…) each.
    """
    values = np.stack(without)
    count = len(values)
    weights = shares.reshape(-1, *[1] * actual.ndim)
    # Differences from the value, of which all digits are kept.
    differences = actual - values
    estimate = actual + ((1.0 - weights) * differences).sum(axis=0)
    pseudo = actual + (1.0 / weights - 1.0) * differences
    variance = np.mean(np.square(pseudo - estimate) / (1.0 / weights - 1.0), axis=0)
    error = np.sqrt(variance)
    reach = scipy.stats.t.ppf((1.0 + level) / 2.0, count - 1) * error
    return {
        "estimate": estimate,
        "error": error,
        "low": np.clip(estimate - reach, *measure.range),
        "high": np.clip(estimate + reach, *measure.range),
    }
