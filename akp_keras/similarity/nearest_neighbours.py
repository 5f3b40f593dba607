"""The nearest neighbours of samples, with equally near ones in an order that tells nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_BLOCK = 256


def nearest(apart: np.ndarray, rounding: np.ndarray, k: int, seed: Callable[[], int]) -> np.ndarray:
    """The k nearest of every row, nearest first.

    Ties are broken by numbers drawn for each pair of samples. Broken by the samples' index, as
    sorting does, two representations would agree on neighbours that neither of them prefers.

    Args:
        apart: (n, n) how far apart two samples are, smaller is nearer, infinite on the diagonal.
        rounding: (n, n) entries that differ by no more than this are equal.
        k: how many, less than n.
        seed: of what is drawn; called where there are ties.

    Returns:
        (n, k) int32 indices.
    """
    # One more than asked for: a tie of the last one with the next is a tie.
    some = np.argpartition(apart, k, axis=1)[:, : k + 1]
    values = np.take_along_axis(apart, some, axis=1)
    order = np.argsort(values, axis=1)
    some = np.take_along_axis(some, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    tied = _equal_to_next(values, np.take_along_axis(rounding, some, axis=1)).any(axis=1)
    found = some[:, :k].astype(np.int32)
    if tied.any():
        generator = np.random.default_rng(seed())
        for start in range(0, len(apart), _BLOCK):
            # Drawn for all rows, so that what one row gets does not depend on the others.
            keys = generator.random((len(apart[start : start + _BLOCK]), len(apart)))
            (rows,) = np.nonzero(tied[start : start + _BLOCK])
            found[start + rows] = _randomly_ordered(
                apart[start + rows], rounding[start + rows], keys[rows]
            )[:, :k]
    return found


def _equal_to_next(values: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """Of (m, l) ascending values, whether each is the next one's equal, (m, l − 1)."""
    return np.diff(values, axis=1) <= np.maximum(rounding[:, :-1], rounding[:, 1:])


def _randomly_ordered(apart: np.ndarray, rounding: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Indices that sort rows, equal values by their keys from 0 to 1."""
    order = np.argsort(apart, axis=1)
    values = np.take_along_axis(apart, order, axis=1)
    equal = _equal_to_next(values, np.take_along_axis(rounding, order, axis=1))
    place = np.zeros(apart.shape)
    np.cumsum(~equal, axis=1, out=place[:, 1:])
    place += np.take_along_axis(keys, order, axis=1)
    return np.take_along_axis(order, np.argsort(place, axis=1), axis=1)
