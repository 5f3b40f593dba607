"""Samples far from all others, which would take the digits of what is summed over all samples.

A massive activation or an outlying image drags the mean away from all other samples, and its
squares cancel in unbiased estimators. Measures that a translation does not change are computed
about where most samples are instead, and what few far samples contribute is summed apart.
"""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.centring import norm, unit
from akp_keras.similarity.factors import Factors, once

# Of a squared distance this many times that of the median sample, a sample is far.
FAR = 100.0
# At most so many are summed apart.
MOST_FAR = 256
# So many samples say where most are.
_ENOUGH = 64


def centre(values: np.ndarray) -> np.ndarray:
    """Return (p,) the mean of (n, p) values, or where most are if it lies far from these."""
    mean = values.mean(axis=0)
    return _middle(values) if _is_far_from_most(values - mean) else mean


def _middle(values: np.ndarray) -> np.ndarray:
    """Return the median of every feature, of samples spread over all."""
    return np.median(values[:: -(-len(values) // _ENOUGH)], axis=0)


def _is_far_from_most(centred: np.ndarray) -> bool:
    """Say whether the origin is ten times as far from most samples as these are from another."""
    some = centred[:: -(-len(centred) // _ENOUGH)]
    middle = np.median(some, axis=0)
    apart = np.median(np.square(some - middle).sum(axis=1))
    return float(middle @ middle) > FAR * float(apart)


@once
def bulk_centred(factors: Factors) -> np.ndarray:
    """Return (n, p) `unit`, translated to where most samples are if the mean lies far off."""
    rows = unit(factors)
    if not _is_far_from_most(rows):
        return rows
    # Of the values themselves: those about the far mean have lost digits. A power of two keeps
    # sums of huge values finite, and is exact.
    power = 2.0 ** np.clip(np.floor(np.log2(norm(factors))), -1020, 1020)
    values = np.asarray(factors.values, dtype=np.float64) / power
    return (values - _middle(values)) / (norm(factors) / power)


def far_samples(squares: np.ndarray) -> np.ndarray:
    """Find the samples that are summed apart.

    Args:
        squares: (n,) squared distances of the samples from where most of them are.

    Returns:
        (k,) int64 indices, k ≤ 256, of the farthest.
    """
    far = np.flatnonzero(squares > FAR * np.median(squares))
    farthest = far[np.argsort(-squares[far], kind="stable")[:MOST_FAR]]
    return np.sort(farthest)


def hollow_gram(rows: np.ndarray) -> np.ndarray:
    """Return (k, k) the products of different ones of (k, p) samples, with a zero diagonal."""
    gram = rows @ rows.T
    np.fill_diagonal(gram, 0.0)
    return gram
