"""Symmetric matrices of pairs of samples, as vectors.

"Hollow": the n(n − 1)/2 entries above the diagonal, row by row. "Packed": the n of the diagonal,
then those above it times √2, so that inner products of packed matrices are Frobenius products. A
vector may be a memory map of a file: what is done here goes through it in stretches, and lets go of
the memory of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from akp_keras.similarity import arithmetic
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.scratch import is_mapped, let_go

# Few enough numbers that what is done with them one after the other finds them in a cache.
_STRETCH = 2**18

UNRESOLVED = (
    "its U-centred matrix is zero to within rounding: its samples are all equally far apart"
)


def hollow_length(n: int) -> int:
    """Count the entries above the diagonal."""
    return n * (n - 1) // 2


def packed_length(n: int) -> int:
    """Count the entries on the diagonal and above it."""
    return n * (n + 1) // 2


def pack_panels(panels: Iterable[np.ndarray], packed: np.ndarray) -> None:
    """Pack a symmetric (n, n) matrix that comes in panels, with its diagonal.

    Args:
        panels: the rows from i on without the columns before i, see `arithmetic.gram_panels`.
        packed: (n(n + 1)/2,) for the result.
    """
    root = packed.dtype.type(np.sqrt(2.0))
    row, start = 0, None
    for panel in panels:
        if start is None:
            start = panel.shape[1]
        packed[row : row + len(panel)] = np.diagonal(panel)
        row += len(panel)
        for i, values in enumerate(panel, start=1):
            stop = start + len(values) - i
            np.multiply(values[i:], root, out=packed[start:stop])
            start = stop
        let_go(packed)


def pack_panels_hollow(panels: Iterable[np.ndarray], hollow: np.ndarray) -> None:
    """Pack a symmetric (n, n) matrix that comes in panels, without its diagonal.

    Args:
        panels: the rows from i on without the columns before i, see `arithmetic.gram_panels`.
        hollow: (n(n − 1)/2,) for the result.
    """
    start = 0
    for panel in panels:
        for i, values in enumerate(panel, start=1):
            stop = start + len(values) - i
            hollow[start:stop] = values[i:]
            start = stop
        let_go(hollow)


def rows_above_diagonal(hollow: np.ndarray, n: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of each row and its entries right of the diagonal, which may be changed."""
    start, held = 0, 0
    for i in range(n - 1):
        stop = start + n - 1 - i
        yield i, hollow[start:stop]
        held += stop - start
        start = stop
        if held > _STRETCH:
            held = 0
            let_go(hollow)


def row_sums(hollow: np.ndarray, n: int) -> np.ndarray:
    """Sum the rows of a symmetric matrix of zero diagonal, (n,) float64."""
    sums = np.zeros(n)
    for i, row in rows_above_diagonal(hollow, n):
        sums[i] += row.sum()
        sums[i + 1 :] += row
    return sums


def u_centre(hollow: np.ndarray, sums: np.ndarray) -> None:
    """U-centre a symmetric matrix in place (Székely and Rizzo 2014, section 3).

    The result has rows that sum to zero; ⟨Ũ(K), Ũ(L)⟩ / (n(n − 3)) is the unbiased HSIC of Song et
    al. 2012, equation 5.

    Args:
        hollow: (n(n − 1)/2,), n ≥ 4.
        sums: (n,) the sums of its rows without the diagonal, see `row_sums`.
    """
    n = len(sums)
    means = sums / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    for i, row in rows_above_diagonal(hollow, n):
        row -= means[i] + means[i + 1 :]


def u_centre_resolved(hollow: np.ndarray, factors: Factors) -> None:
    """U-centre a symmetric matrix of any row sums in place.

    Raises:
        Undefined: if fewer than ten digits of it are left.
    """
    before = square_sum(hollow)
    u_centre(hollow, row_sums(hollow, factors.samples))
    if not before <= 1e12 * square_sum(hollow):
        raise factors.degenerate(UNRESOLVED)


def double_centre(packed: np.ndarray, n: int) -> None:
    """Make H K H of a symmetric matrix in place, with H = I − 11ᵀ/n.

    Args:
        packed: (n(n + 1)/2,) of which the entries after the first n are those of K above its
            diagonal, not yet times √2, and the first n are its diagonal.
        n: samples.
    """
    hollow = packed[n:]
    means = (row_sums(hollow, n) + packed[:n]) / n
    grand = means.mean()
    packed[:n] += grand - 2.0 * means
    root = np.sqrt(2.0)
    for i, row in rows_above_diagonal(hollow, n):
        row -= means[i] - grand + means[i + 1 :]
        row *= root


def recentre(vector: np.ndarray, n: int, *, is_hollow: bool) -> None:
    """Centre a centred matrix of which some rows and columns were left out, in place."""
    if is_hollow:
        u_centre(vector, row_sums(vector, n))
        return
    vector[n:] /= np.sqrt(2.0)
    double_centre(vector, n)


def stretches(vector: np.ndarray) -> Iterator[np.ndarray]:
    """Yield stretches of a vector one after the other, which may be changed in place."""
    for start in range(0, len(vector), _STRETCH):
        yield vector[start : start + _STRETCH]
        let_go(vector)


def in_memory(vector: np.ndarray) -> np.ndarray:
    """Return a copy in memory, of one that lies in a file without holding it twice."""
    copy = np.empty_like(vector, subok=False)
    for source, target in zip(stretches(vector), stretches(copy), strict=True):
        target[:] = source
    return copy


def square_sum(vector: np.ndarray) -> float:
    """Sum the squares of a vector."""
    if not is_mapped(vector):
        return arithmetic.square_sum(vector)
    return sum(arithmetic.square_sum(np.asarray(stretch)) for stretch in stretches(vector))
