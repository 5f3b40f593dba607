"""Statistics that are inner products: all pairs are one matrix product."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from akp_keras.similarity import arithmetic, packing
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.statistic import Prepared, Statistic, Tile, columns_of, rows_of


class InnerProduct(Statistic):
    """The inner product of one vector per representation.

    Prepared: `vector`, the vector divided by its norm, so that the statistic is a cosine; and
    `size`, the norm, and `samples`, n, for measures that want the product itself.
    """

    tile: ClassVar[int] = 128
    is_sent: ClassVar[bool] = False
    is_streamed: ClassVar[bool] = True
    selects: ClassVar[bool] = True
    preparation: ClassVar[str] = "n²p"

    @property
    @abstractmethod
    def is_hollow(self) -> bool:
        """Whether the vector is a matrix without its diagonal, see `packing`."""

    @property
    def layout(self) -> Mapping[str, str]:
        """The vector is a matrix of pairs of samples."""
        return {"vector": "hollow" if self.is_hollow else "packed"}

    @abstractmethod
    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return the vector, up to a positive factor, and that factor; it is overwritten."""

    def room(self, factors: Factors) -> np.ndarray:
        """Take memory for the vector, (n(n − 1)/2,) or (n(n + 1)/2,) float64."""
        length = packing.hollow_length if self.is_hollow else packing.packed_length
        return factors.scratch.take(self, (length(factors.samples),))

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the normalised vector and the norm."""
        return self.normalised(factors, *self.vector(factors))

    def normalised(self, factors: Factors, vector: np.ndarray, factor: float) -> Prepared:
        """Make what is kept of what `vector` returned."""
        norm = float(np.sqrt(packing.square_sum(vector)))
        if not norm > 0.0:
            raise factors.degenerate(self.vanishing())
        for stretch in packing.stretches(vector):
            stretch /= norm
        return {
            "vector": vector,
            "size": np.array(norm * factor),
            "samples": np.array(factors.samples),
        }

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Centre the vector anew, and divides it by its norm."""
        vector = gathered["vector"].astype(np.float64)
        unit = self.recentre(vector, samples, float(gathered["size"]))
        norm = float(np.sqrt(arithmetic.square_sum(vector)))
        with np.errstate(divide="ignore", invalid="ignore"):
            vector /= norm
        return {
            **gathered,
            "vector": vector,
            "size": np.array(unit * norm),
            "samples": np.array(samples),
        }

    def recentre(self, vector: np.ndarray, samples: int, unit: float) -> float:
        """Make the vector of fewer samples in place, and return its unit: as before, here."""
        return unit

    def storage(self, samples: int) -> float:
        """Count the vector."""
        return 8.0 * packing.packed_length(samples)

    def vanishing(self) -> str:
        """Say why the vector can be zero, for the error."""
        return "its samples do not differ in what this measure looks at"

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute the cosines of all pairs, (L, R) float64."""
        table = arithmetic.product_of_rows(left["vector"], right["vector"])
        return table.astype(np.float64, copy=False)


def product(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """Return the inner products themselves, (L, R), from the cosines and the norms."""
    return statistic * np.outer(left["size"], right["size"])


def difference(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """Return distances of the vectors, (L, R), from the cosines and the norms."""
    return distance(statistic, rows_of(left, "size"), columns_of(right, "size"))


def distance(cosine: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the distance of two vectors of norms x and y whose angle has this cosine.

    Works for any array shapes that broadcast, and for the nuclear norm in place of the inner
    product: the Procrustes distance.
    """
    larger = np.maximum(x, y)
    # Of norms over the larger one, whose squares neither overflow nor vanish.
    return larger * np.sqrt(squared_distance(cosine, x / larger, y / larger))


def squared_distance(cosine: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the square of `distance`, without cancellation but that in 1 − cosine."""
    return np.square(x - y) + 2.0 * x * y * np.maximum(1.0 - cosine, 0.0)
