"""Prepare once for each representation, compare for each pair: the seam of the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import numpy as np

from akp_keras.similarity.factors import Factors
from akp_keras.similarity.rows import Rows, gather

# What a statistic keeps of one representation: named arrays, numbers as 0-d arrays.
Prepared: TypeAlias = dict[str, np.ndarray]
# Some representations' prepared arrays by name: one array (T, …) where all have one shape,
# a list of T arrays where shapes differ.
Tile: TypeAlias = Mapping[str, "np.ndarray | list[np.ndarray]"]
# (statistic of the pairs of two tiles, left tile, right tile) -> (L, R) values of a measure.
Value: TypeAlias = Callable[[np.ndarray, Tile, Tile], np.ndarray]


class Statistic(ABC):
    """What is computed for pairs, shared by every measure that is a function of it.

    Subclasses are frozen dataclasses: two equal statistics are computed once.

    Attributes:
        tile: how many representations make one side of a block of pairs.
        symmetric: whether the statistic of (Y, X) is that of (X, Y).
        is_sent: whether comparing a block takes longer than sending it to another process.
        needs_variance: whether a representation that is the same for every sample is an error.
        is_exact: whether what it keeps loses too much when it is rounded to float32.
        is_streamed: whether `compare` takes lists of arrays that lie in files.
        selects: whether what is kept of fewer samples follows from what is kept of all.
        starts_from: of which kinds of representations it can be prepared, see
            `representation.Representation`.
        preparation: operations of `prepare`.
        accuracy: what limits the digits, where it is more than rounding.
        layout: how the prepared arrays depend on the samples, see `rows.gather`; those that are
            not named do not depend on which sample is which.
    """

    tile: ClassVar[int] = 8
    symmetric: ClassVar[bool] = True
    is_sent: ClassVar[bool] = True
    needs_variance: ClassVar[bool] = True
    is_exact: ClassVar[bool] = False
    is_streamed: ClassVar[bool] = False
    selects: ClassVar[bool] = False
    starts_from: ClassVar[frozenset[str]] = frozenset({"features"})
    preparation: ClassVar[str] = "np"
    accuracy: ClassVar[str] = ""
    layout: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def prepare(self, factors: Factors) -> Prepared:
        """Keep of one representation what `compare` needs."""

    @abstractmethod
    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute the statistic of every pair.

        Args:
            left: L representations.
            right: R representations; `right is left` for a block on the diagonal, of which only
                the upper triangle is used where the statistic is symmetric.

        Returns:
            (L, R) or (L, R, k) float64.
        """

    def permute(self, prepared: Prepared, rows: Rows) -> Prepared:
        """Take the samples in another order: what `prepare` would keep of them, up to rounding."""
        return {
            name: gather(array, self.layout[name], rows) if name in self.layout else array
            for name, array in prepared.items()
        }

    def select(self, prepared: Prepared, rows: Rows) -> Prepared:
        """Take some of the samples: what `prepare` would keep of these alone, up to rounding.

        What was chosen by all samples, such as the bandwidth of a kernel, stays as it is.
        """
        return self.restored(self.permute(prepared, rows), len(rows.indices))

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Centre and scales anew what was gathered of fewer samples, where `selects`."""
        return gathered

    def route(self, samples: int, features: int, members: int, pairs: float) -> Statistic:
        """Choose an equal statistic that costs least.

        Args:
            samples: n.
            features: p.
            members: how many representations are prepared.
            pairs: how many pairs of them are compared.
        """
        return self

    def memory(self, samples: int) -> float:
        """Return the bytes of what must be in memory at once, beside n × p numbers."""
        return 0.0

    def storage(self, samples: int) -> float:
        """Return the bytes of what is kept of a representation, where it has no features."""
        return 0.0


def size(tile: Tile) -> int:
    """Count the representations of a tile."""
    return len(next(iter(tile.values())))


def stack(prepared: Sequence[Prepared]) -> Tile:
    """Make a tile."""
    tile: dict[str, np.ndarray | list[np.ndarray]] = {}
    for name in prepared[0]:
        arrays = [member[name] for member in prepared]
        same = all(array.shape == arrays[0].shape for array in arrays)
        tile[name] = np.stack(arrays) if same else arrays
    return tile


def unstack(tile: Tile) -> list[Prepared]:
    """Take a tile apart; the arrays are views."""
    return [{name: np.asarray(tile[name][i]) for name in tile} for i in range(size(tile))]


class PairStatistic(Statistic):
    """A statistic that is computed one pair at a time."""

    @abstractmethod
    def pair(self, left: Prepared, right: Prepared) -> np.ndarray | float:
        """Compute the statistic of one pair, a number or (k,)."""

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute the statistic pair by pair, of the upper triangle only where that is enough."""
        lefts = unstack(left)
        rights = lefts if right is left else unstack(right)
        table: np.ndarray | None = None
        for i, x in enumerate(lefts):
            for j, y in enumerate(rights):
                if self.symmetric and right is left and j < i:
                    continue
                value = np.asarray(self.pair(x, y), dtype=np.float64)
                if table is None:
                    table = np.zeros((len(lefts), len(rights), *value.shape))
                table[i, j] = value
        return table


def plain(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """Return the statistic: the value of a measure that is its statistic."""
    return statistic


def cosine(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """Take off rounding beyond ±1: the value of a measure that is a cosine."""
    return np.clip(statistic, -1.0, 1.0)


def fraction(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """Take off rounding beyond 0 and 1: the value of a measure from 0 to 1."""
    return np.clip(statistic, 0.0, 1.0)


def columns_of(tile: Tile, name: str) -> np.ndarray:
    """Return the numbers of a tile's representations as a row, (1, T)."""
    return np.asarray(tile[name])[None, :]


def rows_of(tile: Tile, name: str) -> np.ndarray:
    """Return the numbers of a tile's representations as a column, (T, 1)."""
    return np.asarray(tile[name])[:, None]
