"""What differs: models of different families (T), the families' centroids (B), seeds (W).

Writing d² for the squared distance of two models and f, g for two families,

    C_fg = mean of d² over the models of f and of g
    W_f  = half the mean of d² over pairs of seeds of f        (the variance of its seeds, unbiased)
    B_fg = C_fg − W_f − W_g                                     (of the centroids, unbiased)

so that with T = ½ mean of C_fg, B = ½ mean of B_fg over f ≠ g, and W = mean of W_f, T = B + W.
The principle as the paper puts it compares models across schedules, which is T. With a zero
diagonal, C holds the squared distances of k points whose own seeds lie on axes of their own: one
model drawn at random from each family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ACROSS, BETWEEN, WITHIN = "across", "between", "within"
ESTIMANDS = (ACROSS, BETWEEN, WITHIN)


@dataclass(frozen=True)
class FamilyDistances:
    """Squared distances of k families, for each estimand.

    Attributes:
        across: (k, k) C with a zero diagonal.
        between: (k, k) B with a zero diagonal, possibly negative elsewhere; NaN in the rows and
            columns of single members.
        within: (k,) W; NaN for single members.
    """

    across: NDArray[np.float64]
    between: NDArray[np.float64]
    within: NDArray[np.float64]

    def among(self, kept: NDArray[np.int64]) -> FamilyDistances:
        """Return the same for some of the families."""
        square = np.ix_(kept, kept)
        return FamilyDistances(self.across[square], self.between[square], self.within[kept])

    def means(self) -> dict[str, float]:
        """Return T, B and W over all families: variances of one model, T = B + W.

        Returns:
            A value for each estimand; NaN for B and W where a family has a single member.
        """
        pairs = ~np.eye(len(self.within), dtype=bool)
        return {
            ACROSS: float(self.across[pairs].mean() / 2),
            BETWEEN: float(self.between[pairs].mean() / 2),
            WITHIN: float(self.within.mean()),
        }


def family_distances(squared: NDArray[np.float64], sizes: Sequence[int]) -> FamilyDistances:
    """Return squared distances of families from those of their members.

    Args:
        squared: (M, M) squared distances, members of a family next to each other.
        sizes: k numbers of members of the families in order, summing to M.

    Returns:
        The distances for each estimand.
    """
    counts = np.asarray(sizes)
    share = np.repeat(np.eye(len(counts)) / counts[:, None], counts, axis=1)
    across = share @ squared @ share.T
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(counts > 1, np.diagonal(across) * counts / (counts - 1) / 2, np.nan)
    between = across - within[:, None] - within[None, :]
    for matrix in (across, between):
        np.fill_diagonal(matrix, 0.0)
    return FamilyDistances(across, between, within)
