"""The row-permutation null: what a measure gives when samples do not correspond.

Scores of representations rise with width and depth alone; their distribution over permutations of
the rows of one representation says what part of a score that is (Gröger et al., arXiv 2602.14486).
"""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.result import PermutationNull


def permutation_orders(permutations: int, samples: int, seed: int) -> np.ndarray:
    """(permutations, samples) int64 random orders; the same for every pair and measure."""
    generator = np.random.default_rng(seed)
    return np.array(
        [generator.permutation(samples) for _ in range(permutations)], dtype=np.int64
    ).reshape(permutations, samples)


class NullCounter:
    """Sums permuted values block by block.

    Args:
        members: M.
        larger_is_more_similar: the measure's direction.
    """

    def __init__(self, members: int, larger_is_more_similar: bool) -> None:
        self._sign = 1.0 if larger_is_more_similar else -1.0
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
        self._above[rows, columns] += self._sign * permuted >= self._sign * actual

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
