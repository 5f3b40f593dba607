"""The row-permutation null: what a measure gives when samples do not correspond.

Scores of representations rise with width and depth alone; their distribution over permutations of
the rows of one representation says what part of a score that is (Gröger et al., arXiv 2602.14486).
"""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.result import PermutationNull

# Values that are equal differ by rounding: relative to their size, and in float32.
_ROUNDING = {"float64": 1e-9, "float32": 1e-4}
# A distance or an angle is known to half of the digits where it is near zero.
_ROUNDING_OF_DISTANCES = {"float64": 1e-7, "float32": 1e-3}


def permutation_orders(
    permutations: int, samples: int, seed: int, positions: int = 1
) -> np.ndarray:
    """Random orders of the rows of a representation; the same for every pair and measure.

    Args:
        permutations: B.
        samples: n.
        seed: of the generator.
        positions: how many rows in a row belong to one sample. They stay together: positions of
            one sample are not exchangeable with those of another one by one.

    Returns:
        (B, n · positions) int64.
    """
    generator = np.random.default_rng(seed)
    orders = np.array(
        [generator.permutation(samples) for _ in range(permutations)], dtype=np.int64
    ).reshape(permutations, samples, 1)
    rows = orders * positions + np.arange(positions)
    return rows.reshape(permutations, samples * positions)


class NullCounter:
    """Sums permuted values block by block.

    Args:
        members: M.
        larger_is_more_similar: the measure's direction.
        bounded: whether the measure's range is finite, so that its values are of size 1.
        precision: of the factors, "float64" or "float32".
    """

    def __init__(
        self,
        members: int,
        larger_is_more_similar: bool,
        bounded: bool = True,
        precision: str = "float64",
    ) -> None:
        self._sign = 1.0 if larger_is_more_similar else -1.0
        rounding = _ROUNDING if larger_is_more_similar else _ROUNDING_OF_DISTANCES
        self._rounding = rounding[precision]
        # The largest value seen, by which an unbounded measure's rounding is judged.
        self._size = np.full((members, members), 1.0 if bounded else 0.0)
        self._count = np.zeros((members, members))
        # Welford's update: sums of squares of nearly equal values would cancel.
        self._mean = np.zeros((members, members))
        self._squares = np.zeros((members, members))
        self._above = np.zeros((members, members))

    def add(self, rows: slice, columns: slice, actual: np.ndarray, permuted: np.ndarray) -> None:
        """Takes the values of a block for one permutation."""
        self._count[rows, columns] += 1
        delta = permuted - self._mean[rows, columns]
        self._mean[rows, columns] += delta / self._count[rows, columns]
        self._squares[rows, columns] += delta * (permuted - self._mean[rows, columns])
        size = np.maximum(self._size[rows, columns], np.maximum(np.abs(actual), np.abs(permuted)))
        self._size[rows, columns] = size
        # Values that are equal but for rounding are ties, and ties count as reached.
        self._above[rows, columns] += self._sign * (permuted - actual) >= -self._rounding * size

    def mirror(self) -> None:
        """Copies the upper triangle to the lower."""
        for name in ("_count", "_mean", "_squares", "_above"):
            upper = np.triu(getattr(self, name))
            setattr(self, name, upper + np.triu(upper, 1).T)

    def finish(self, values: np.ndarray) -> PermutationNull:
        """The null of all pairs."""
        permutations = int(self._count.max())
        return PermutationNull(
            permutations=permutations,
            mean=self._mean,
            deviation=np.sqrt(self._squares / max(permutations - 1, 1)),
            pvalues=(1.0 + self._above) / (1.0 + permutations),
        )
