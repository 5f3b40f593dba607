"""Permuting the samples of packed symmetric matrices: where each entry comes from, found once.

A permutation of the row-permutation null is applied to every representation, and by every
statistic that keeps a packed matrix. Where entries come from depends on the permutation alone.
"""

from __future__ import annotations

import functools

import numpy as np


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
    index = _above_diagonal(np.ascontiguousarray(order, dtype=np.int64).tobytes())
    if not with_diagonal:
        return packed[index]
    n = len(order)
    permuted = np.empty_like(packed)
    np.take(packed[:n], order, out=permuted[:n])
    # A mode that needs no check lets the result be written in place.
    np.take(packed[n:], index, out=permuted[n:], mode="clip")
    return permuted


@functools.lru_cache(maxsize=1)
def _above_diagonal(order_bytes: bytes) -> np.ndarray:
    """(n(n − 1)/2,) where the entries above the diagonal come from, of the latest order."""
    order = np.frombuffer(order_bytes, dtype=np.int64)
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
    return index
