"""Prepare once for each representation, compare for each pair: the seam of the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import numpy as np

from akp_keras.similarity.preparation import Factors

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
    """

    tile: ClassVar[int] = 8
    symmetric: ClassVar[bool] = True
    is_sent: ClassVar[bool] = True
    needs_variance: ClassVar[bool] = True

    @abstractmethod
    def prepare(self, factors: Factors) -> Prepared:
        """Keeps of one representation what `compare` needs."""

    @abstractmethod
    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """The statistic of every pair: (L, R) or (L, R, k) float64.

        `right is left` for a block on the diagonal; of a symmetric statistic only the upper
        triangle of such a block is used.
        """

    @abstractmethod
    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """What `prepare` would keep of the representation with its rows in another order."""

    def route(self, samples: int, features: int, members: int, permutations: int = 0) -> Statistic:
        """An equal statistic that costs least for these sizes, and permutations of every pair."""
        return self


def size(tile: Tile) -> int:
    """How many representations a tile holds."""
    return len(next(iter(tile.values())))


def stack(prepared: Sequence[Prepared]) -> Tile:
    """Makes a tile."""
    tile: dict[str, np.ndarray | list[np.ndarray]] = {}
    for name in prepared[0]:
        arrays = [one[name] for one in prepared]
        same = all(array.shape == arrays[0].shape for array in arrays)
        tile[name] = np.stack(arrays) if same else arrays
    return tile


def unstack(tile: Tile) -> list[Prepared]:
    """The opposite of `stack`; the arrays are views."""
    return [{name: np.asarray(tile[name][i]) for name in tile} for i in range(size(tile))]


class PairStatistic(Statistic):
    """A statistic that is computed one pair at a time."""

    @abstractmethod
    def pair(self, left: Prepared, right: Prepared) -> np.ndarray | float:
        """The statistic of one pair, a number or (k,)."""

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """The statistic of every pair, of the upper triangle only where that is enough."""
        lefts = unstack(left)
        rights = lefts if right is left else unstack(right)
        result: np.ndarray | None = None
        for i, one in enumerate(lefts):
            for j, other in enumerate(rights):
                if self.symmetric and right is left and j < i:
                    continue
                value = np.asarray(self.pair(one, other), dtype=np.float64)
                if result is None:
                    result = np.zeros((len(lefts), len(rights), *value.shape))
                result[i, j] = value
        return result


def plain(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """The value of a measure that is its statistic."""
    return statistic


def cosine(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """The value of a measure that is a cosine: rounding beyond ±1 is taken off."""
    return np.clip(statistic, -1.0, 1.0)


def fraction(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    """The value of a measure from 0 to 1: rounding beyond them is taken off."""
    return np.clip(statistic, 0.0, 1.0)
