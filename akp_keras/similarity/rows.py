"""Rows of a representation in some order, and where the entries of packed matrices then come from.

A permutation of the null, and a subset of the jackknife, are applied to every representation of a
block and by every statistic that keeps a packed matrix. Where entries come from depends on the rows
alone, so it is computed once and kept with them.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np


class Rows:
    """All rows of a representation in another order, or some of them.

    Args:
        indices: (m,) int64, the row that comes first, and so on; none twice.
        samples: n, of what they are rows.

    Attributes:
        indices: as passed.
        samples: as passed.
    """

    def __init__(self, indices: np.ndarray, samples: int) -> None:
        self.indices = indices
        self.samples = samples

    def again(self) -> Rows:
        """Return the same rows without what is kept with them, which a block keeps for itself."""
        return Rows(self.indices, self.samples)

    @property
    def share_left_out(self) -> float:
        """The share of all rows that are not among these."""
        return 1.0 - len(self.indices) / self.samples

    @cached_property
    def positions(self) -> np.ndarray:
        """(n,) int64, where each row comes to stand; −1 for rows that are left out."""
        positions = np.full(self.samples, -1, dtype=np.int64)
        positions[self.indices] = np.arange(len(self.indices))
        return positions

    @cached_property
    def above_diagonal(self) -> np.ndarray:
        """(m(m − 1)/2,) where the entries above the diagonal of a packed matrix come from."""
        n, m = self.samples, len(self.indices)
        # Entry (low, high) of the packing is at starts[low] + high.
        starts = np.arange(n) * n - np.arange(n) * (np.arange(n) + 1) // 2 - np.arange(n) - 1
        index = np.empty(m * (m - 1) // 2, dtype=np.intp)
        begin = 0
        for position in range(m - 1):
            others = self.indices[position + 1 :]
            part = index[begin : begin + len(others)]
            low = np.minimum(others, self.indices[position])
            np.take(starts, low, out=part)
            part += np.maximum(others, self.indices[position])
            begin += len(others)
        return index


def _of_rows(array: np.ndarray, rows: Rows) -> np.ndarray:
    return array[rows.indices]


def _of_packed(array: np.ndarray, rows: Rows) -> np.ndarray:
    n, m = rows.samples, len(rows.indices)
    taken = np.empty(m * (m + 1) // 2, dtype=array.dtype)
    np.take(array[:n], rows.indices, out=taken[:m])
    # A mode that needs no check lets the result be written in place.
    np.take(array[n:], rows.above_diagonal, out=taken[m:], mode="clip")
    return taken


def _of_hollow(array: np.ndarray, rows: Rows) -> np.ndarray:
    return array[rows.above_diagonal]


def _of_square(array: np.ndarray, rows: Rows) -> np.ndarray:
    return array[np.ix_(rows.indices, rows.indices)]


def _of_neighbours(array: np.ndarray, rows: Rows) -> np.ndarray:
    return rows.positions[array[rows.indices]].astype(array.dtype)


def _of_indices(array: np.ndarray, rows: Rows) -> np.ndarray:
    positions = rows.positions[array]
    return positions[positions >= 0]


_LAYOUTS = {
    "rows": _of_rows,
    "packed": _of_packed,
    "hollow": _of_hollow,
    "square": _of_square,
    "neighbours": _of_neighbours,
    "indices": _of_indices,
}


def gather(array: np.ndarray, layout: str, rows: Rows) -> np.ndarray:
    """Take the rows out of an array that depends on the samples.

    Args:
        array: what is kept of n samples.
        layout: how it depends on them. "rows", (n, …), a row per sample; "packed", (n(n + 1)/2,)
            the packing of a symmetric matrix with its diagonal, see `packing.pack`; "hollow",
            (n(n − 1)/2,) that without one; "square", (n, n); "neighbours", (n, k), for each
            sample the indices of others, for orders of all rows only; "indices", (k,) indices of
            samples, those left out are dropped.
        rows: which, in which order.

    Returns:
        The same of the rows, the same numbers in other places.
    """
    return _LAYOUTS[layout](array, rows)
