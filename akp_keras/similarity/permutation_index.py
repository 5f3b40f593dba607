"""Permuting the samples of packed symmetric matrices: where each entry comes from, found once.

A permutation of the row-permutation null is applied to every representation, and by every
statistic that keeps a packed matrix. Where entries come from depends on the permutation alone.
"""

from __future__ import annotations

import threading

import numpy as np

# Each thread is at an order of its own.
_latest = threading.local()


def permute_packed(packed: np.ndarray, order: np.ndarray, with_diagonal: bool) -> np.ndarray:
    """Permutes rows and columns of a packed symmetric matrix: one gather.

    Args:
        packed: the entries above the diagonal row by row, n(n − 1)/2, after the n of the diagonal
            if `with_diagonal` (see `inner_product.pack` and `pack_off_diagonal`).
        order: (n,) int64, the row of the matrix that comes first, and so on.
        with_diagonal: whether the diagonal comes first.

    Returns:
        The same packing of `matrix[order][:, order]`, the same numbers in other places.
    """
    index = _above_diagonal(order)
    if not with_diagonal:
        return packed[index]
    n = len(order)
    permuted = np.empty_like(packed)
    np.take(packed[:n], order, out=permuted[:n])
    # A mode that needs no check lets the result be written in place.
    np.take(packed[n:], index, out=permuted[n:], mode="clip")
    return permuted


def forget_order() -> None:
    """Lets go of what is kept for the latest order in this thread."""
    _latest.__dict__.clear()


def _above_diagonal(order: np.ndarray) -> np.ndarray:
    """(n(n − 1)/2,) where the entries above the diagonal come from, kept for the latest order."""
    if np.array_equal(order, getattr(_latest, "order", None)):
        return _latest.index
    n = len(order)
    # Entry (low, high) of the packing is at starts[low] + high.
    starts = np.arange(n) * n - np.arange(n) * (np.arange(n) + 1) // 2 - np.arange(n) - 1
    index = np.empty(n * (n - 1) // 2, dtype=np.intp)
    begin = 0
    for row in range(n - 1):
        others = order[row + 1 :]
        part = index[begin : begin + len(others)]
        low = np.minimum(others, order[row])
        np.take(starts, low, out=part)
        part += np.maximum(others, order[row])
        begin += len(others)
    index.flags.writeable = False
    _latest.order, _latest.index = order.copy(), index
    return index
