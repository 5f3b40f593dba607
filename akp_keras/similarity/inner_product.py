"""Statistics that are inner products: all pairs are one matrix product."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from akp_keras.similarity import arithmetic
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import Prepared, Statistic, Tile


class InnerProduct(Statistic):
    """The inner product of one vector a representation.

    Prepared: `vector`, the vector divided by its norm, so that the statistic is a cosine; and
    `size`, the norm, and `samples`, n, for measures that want the product itself.
    """

    tile: ClassVar[int] = 128
    is_sent: ClassVar[bool] = False

    @abstractmethod
    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The (D,) vector, up to a positive factor, and that factor; the vector is overwritten."""

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the normalised vector and the norm."""
        return self.normalised(factors, *self.vector(factors))

    def normalised(self, factors: Factors, vector: np.ndarray, factor: float) -> Prepared:
        """What `prepare` keeps, of what `vector` gave."""
        norm = float(np.sqrt(arithmetic.square_sum(vector)))
        if not norm > 0.0:
            raise factors.degenerate(self.vanishing())
        vector /= vector.dtype.type(norm)
        return {
            "vector": vector,
            "size": np.array(norm * factor),
            "samples": np.array(factors.samples),
        }

    def vanishing(self) -> str:
        """Why the vector can be zero, for the error."""
        return "its samples do not differ in what this measure looks at"

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Cosines of all pairs, (L, R) float64."""
        table = arithmetic.product_of_rows(left["vector"], right["vector"])
        return table.astype(np.float64, copy=False)


def pack(matrix: np.ndarray) -> np.ndarray:
    """The upper triangle of a symmetric (n, n) matrix as a vector of n(n + 1)/2.

    Off-diagonal entries are multiplied by √2, so that inner products of packed matrices are the
    Frobenius inner products.
    """
    n = len(matrix)
    packed = np.empty(n * (n + 1) // 2, dtype=matrix.dtype)
    pack_panels([matrix], packed)
    return packed


def pack_panels(panels: Iterable[np.ndarray], packed: np.ndarray) -> None:
    """Packs a symmetric (n, n) matrix that comes in panels (see `arithmetic.gram_panels`).

    Args:
        panels: the rows from i on without the columns before i.
        packed: (n(n + 1)/2,) for the result, as of `pack`.
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


def pack_off_diagonal(matrix: np.ndarray) -> np.ndarray:
    """The entries above the diagonal of a symmetric (n, n) matrix, row by row: n(n − 1)/2."""
    n = len(matrix)
    packed = np.empty(n * (n - 1) // 2, dtype=matrix.dtype)
    pack_panels_off_diagonal([matrix], packed)
    return packed


def pack_panels_off_diagonal(panels: Iterable[np.ndarray], packed: np.ndarray) -> None:
    """Packs a symmetric (n, n) matrix that comes in panels (see `arithmetic.gram_panels`).

    Args:
        panels: the rows from i on without the columns before i.
        packed: (n(n − 1)/2,) for the result, as of `pack_off_diagonal`.
    """
    start = 0
    for panel in panels:
        for i, values in enumerate(panel, start=1):
            stop = start + len(values) - i
            packed[start:stop] = values[i:]
            start = stop


def product(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """The inner products themselves, (L, R), from the cosines and the norms."""
    return statistic * np.outer(left["size"], right["size"])


def difference(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """Distances of the vectors, (L, R), from the cosines and the norms."""
    x, y = np.asarray(left["size"])[:, None], np.asarray(right["size"])[None, :]
    # (x − y)² + 2xy(1 − cos) has no cancellation but that in 1 − cos.
    return np.sqrt(np.square(x - y) + 2.0 * x * y * np.maximum(1.0 - statistic, 0.0))
