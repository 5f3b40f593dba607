"""The row-permutation null: what a measure gives when samples do not correspond.

Scores of representations rise with width and depth alone; their distribution over permutations of
the rows of one representation says what part of a score that is (Gröger et al., arXiv 2602.14486).
"""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.declaration import Declaration

# Values that are equal differ by rounding: relative to their size, and in float32.
_ROUNDING = {"float64": 1e-9, "float32": 1e-4}
# The fields of `result.PermutationNull` that are tables.
NULL_FIELDS = ("mean", "deviation", "pvalues")

# A distance or an angle is known to half of the digits where it is near zero.
_ROUNDING_OF_DISTANCES = {"float64": 1e-7, "float32": 1e-3}


def permutation_orders(
    permutations: int, samples: int, seed: int, positions: int = 1
) -> np.ndarray:
    """Draw orders of the rows of a representation, the same for every pair and measure.

    Args:
        permutations: B.
        samples: n.
        seed: of the generator.
        positions: how many successive rows belong to one sample. They stay together: positions
            of one sample are not exchangeable with those of another one by one.

    Returns:
        (B, n · positions) int64.
    """
    generator = np.random.default_rng(seed)
    orders = np.array(
        [generator.permutation(samples) for _ in range(permutations)], dtype=np.int64
    ).reshape(permutations, samples, 1)
    rows = orders * positions + np.arange(positions)
    return rows.reshape(permutations, samples * positions)


class NullTally:
    """Sums the permuted values of the pairs of a block under one measure.

    Args:
        actual: (L, R) values without permutation.
        measure: what the measure declares: its direction, and whether its values are of size 1.
        precision: of the factors, "float64" or "float32".
    """

    def __init__(self, actual: np.ndarray, measure: Declaration, precision: str) -> None:
        self._actual = actual
        self._sign = 1.0 if measure.larger_is_more_similar else -1.0
        rounding = _ROUNDING if measure.larger_is_more_similar else _ROUNDING_OF_DISTANCES
        self._rounding = rounding[precision]
        # The largest value seen, by which an unbounded measure's rounding is judged.
        is_bounded = bool(np.isfinite(measure.range).all())
        self._size = np.maximum(np.abs(actual), 1.0 if is_bounded else 0.0)
        self._count = 0
        # Welford's update: sums of squares of nearly equal values would cancel.
        self._mean = np.zeros(actual.shape)
        self._squares = np.zeros(actual.shape)
        self._reached = np.zeros(actual.shape)

    def add(self, permuted: np.ndarray) -> None:
        """Take the (L, R) values of one permutation."""
        self._count += 1
        delta = permuted - self._mean
        self._mean += delta / self._count
        self._squares += delta * (permuted - self._mean)
        self._size = np.maximum(self._size, np.abs(permuted))
        # Values that are equal but for rounding are ties, and ties count as reached; so do those
        # that are not defined.
        self._reached += ~(self._sign * (permuted - self._actual) < -self._rounding * self._size)

    def tables(self) -> dict[str, np.ndarray]:
        """Return the fields of `PermutationNull`, (L, R) each."""
        return {
            "mean": self._mean,
            "deviation": np.sqrt(self._squares / max(self._count - 1, 1)),
            "pvalues": (1.0 + self._reached) / (1.0 + self._count),
        }
