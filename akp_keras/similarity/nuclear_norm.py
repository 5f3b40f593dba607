"""Nuclear norms of cross-products, from which alignment measures and CCA follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.arithmetic import product
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import PairStatistic, Prepared


@dataclass(frozen=True)
class NuclearNorm(PairStatistic):
    """‖AᵀB‖_*, where A is made of X = U diag(s) Vᵀ (centred) and B of Y alike.

    Prepared: `factor`, A, of which a rotation of the features changes nothing; `rank`, its
    columns; `norm`, ‖A‖_F; `size`, ‖Xc‖_F; `samples`, n.

    Attributes:
        kind: "covariance", A = U diag(s) / ‖s‖, so that the norm is ‖XcᵀYc‖_* / (‖Xc‖‖Yc‖);
            "basis", A = U, so that it is the sum of the canonical correlations; "truncated", U
            up to the first columns that hold a share of the variance; "ridge",
            A = U diag(s/√(s² + λs̄²)), s̄² the mean of s²; "blend", A = U diag(αs/s̄ + 1 − α).
        parameter: the share, λ or α.
    """

    tile: ClassVar[int] = 8
    kind: str = "covariance"
    parameter: float = 0.0

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps A."""
        left, values = factors.svd
        mean_square = float(np.mean(np.square(values)))
        if self.kind == "covariance":
            factor = left * values
        elif self.kind == "basis":
            factor = left
        elif self.kind == "truncated":
            shares = np.cumsum(np.square(values)) / np.sum(np.square(values))
            # Rounding of the last share must not ask for a component that is not there.
            kept = int(np.searchsorted(shares, self.parameter * (1 - 1e-12))) + 1
            factor = left[:, : min(kept, len(values))]
        elif self.kind == "ridge":
            factor = left * (values / np.sqrt(np.square(values) + self.parameter * mean_square))
        else:
            scaled = values / np.sqrt(mean_square)
            factor = left * (self.parameter * scaled + (1.0 - self.parameter))
        return {
            "factor": factor,
            "rank": np.array(factor.shape[1]),
            "norm": np.array(float(np.linalg.norm(factor))),
            "size": np.array(factors.norm),
            "samples": np.array(factors.samples),
        }

    def pair(self, left: Prepared, right: Prepared) -> float:
        """The sum of the singular values of an r × r matrix."""
        return nuclear_norm(product(left["factor"].T, right["factor"]))

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
