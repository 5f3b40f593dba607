"""The nuclear norm of cross-covariances, from which the orthogonal alignment measures follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import PairStatistic, Prepared


@dataclass(frozen=True)
class NuclearNorm(PairStatistic):
    """‖XcᵀYc‖_* / (‖Xc‖_F ‖Yc‖_F), the normalised Bures similarity.

    Prepared: `factor`, (n, r) with factor · factorᵀ = Xc Xcᵀ / ‖Xc‖²_F, where r is the rank:
    what a rotation of the features cannot change; and `size`, ‖Xc‖_F.
    """

    tile: ClassVar[int] = 8

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the left singular vectors times the singular values."""
        left, values = factors.svd
        return {"factor": left * values, "size": np.array(factors.norm)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """The sum of the singular values of an r × r matrix."""
        return nuclear_norm(left["factor"].T @ right["factor"])

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {**prepared, "factor": prepared["factor"][order]}


def nuclear_norm(matrix: np.ndarray) -> float:
    """The sum of the singular values.

    They are square roots of the eigenvalues of the smaller Gram matrix, several times faster
    than a singular value decomposition, where a bound on the rounding of that way (ε λ₁ for each
    eigenvalue λ) leaves 1e-10 of the sum; else from the decomposition.

    Args:
        matrix: (p, q) real.

    Returns:
        The nuclear norm, with a relative error below about 1e-10 in float64.
    """
    matrix = matrix.astype(np.float64, copy=False)
    small = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    eigenvalues = np.linalg.eigvalsh(small)
    largest = eigenvalues[-1]
    if largest > 0.0:
        roots = np.sqrt(np.maximum(eigenvalues, 0.0))
        total = float(roots.sum())
        rounding = len(small) ** 0.5 * np.finfo(np.float64).eps * largest
        # |√(λ + e) − √λ| is at most e/√λ, and at most √e.
        errors = np.minimum(rounding / np.maximum(roots, 1e-300), np.sqrt(rounding))
        if float(errors.sum()) <= 1e-10 * total:
            return total
    return float(np.linalg.svd(matrix, compute_uv=False).sum())
