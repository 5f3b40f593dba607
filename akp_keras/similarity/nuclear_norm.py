"""Nuclear norms of cross-products, from which alignment measures and CCA follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.arithmetic import gram_triangle, product
from akp_keras.similarity.centring import centred_and_scaled, norm
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.spectrum import rotation_factor, svd
from akp_keras.similarity.statistic import Prepared, Statistic, Tile


@dataclass(frozen=True)
class NuclearNorm(Statistic):
    """‖AᵀB‖_*, where A is made of X = U diag(s) Vᵀ (centred) and B of Y alike.

    Prepared: `factor`, A, of which a rotation of the features changes nothing; `rank`, its
    columns; `norm`, ‖A‖_F; `size`, ‖Xc‖_F; `samples`, n.

    Attributes:
        kind: "covariance", A = Xc / ‖Xc‖ or U diag(s) / ‖s‖, which differ by a rotation, so
            that the norm is ‖XcᵀYc‖_* / (‖Xc‖‖Yc‖);
            "basis", A = U, so that it is the sum of the canonical correlations; "truncated", U
            up to the first columns that hold a share of the variance; "ridge",
            A = U diag(s/√(s² + λs̄²)), s̄² the mean of s²; "blend", A = U diag(αs/s̄ + 1 − α).
        parameter: the share, λ or α.
    """

    tile: ClassVar[int] = 8
    layout: ClassVar[Mapping[str, str]] = {"factor": "rows"}
    kind: str = "covariance"
    parameter: float = 0.0

    def prepare(self, factors: Factors) -> Prepared:
        """Keep A."""
        factor = self._factor(factors)
        return {
            "factor": factor,
            "rank": np.array(factor.shape[1]),
            "norm": np.array(float(np.linalg.norm(factor))),
            "size": np.array(norm(factors)),
            "samples": np.array(factors.samples),
        }

    def _factor(self, factors: Factors) -> np.ndarray:
        if self.kind == "covariance":
            return rotation_factor(factors)
        left, values = svd(factors)
        if self.kind == "basis":
            return left
        squares = np.square(values)
        if self.kind == "truncated":
            shares = np.cumsum(squares) / np.sum(squares)
            # Rounding of the last share must not ask for a component that does not exist.
            kept = int(np.searchsorted(shares, self.parameter * (1 - 1e-12))) + 1
            return left[:, : min(kept, len(values))]
        if self.kind == "ridge":
            return left * (values / np.sqrt(squares + self.parameter * np.mean(squares)))
        return left * (self.parameter * values / np.sqrt(np.mean(squares)) + 1.0 - self.parameter)

    preparation: ClassVar[str] = "np · min(n, p)"

    @property
    def accuracy(self) -> str:
        """Bases turn where singular values are small."""
        return "5e-9" if self.kind == "covariance" else "ε · s₁/s_r"

    @property
    def selects(self) -> bool:
        """A basis of fewer samples does not follow from that of all."""
        return self.kind == "covariance"

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Centre A anew, and divides it by its norm."""
        factor, length = centred_and_scaled(gathered["factor"])
        return {
            **gathered,
            "factor": factor,
            "size": gathered["size"] * length,
            "samples": np.array(samples),
        }

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Take one product with all left factors for each right one, then norms pair by pair."""
        lefts, rights = list(left["factor"]), list(right["factor"])
        norms = np.outer(left["norm"], right["norm"])
        ends = np.cumsum([factor.shape[1] for factor in lefts])
        stacked = np.concatenate(lefts, axis=1)
        table = np.zeros((len(lefts), len(rights)))
        for j, factor in enumerate(rights):
            needed = j + 1 if right is left else len(lefts)
            crossed = product(stacked[:, : ends[needed - 1]].T, factor)
            for i, cross in enumerate(np.split(crossed, ends[: needed - 1])):
                table[i, j] = nuclear_norm(cross, largest=float(norms[i, j]))
        return table


def nuclear_norm(matrix: np.ndarray, largest: float) -> float:
    """Sum the singular values of AᵀB.

    They are square roots of the eigenvalues of the smaller Gram matrix, several times faster
    than a singular value decomposition, where a bound on the rounding of that way (√p ε λ₁ for
    each eigenvalue λ) stays below 5e-9 of the sum and of the angle whose cosine it is. Otherwise
    from the decomposition.

    Args:
        matrix: AᵀB, (p, q) real.
        largest: ‖A‖_F ‖B‖_F, which the sum cannot exceed.

    Returns:
        The nuclear norm, with a relative error below 5e-9 in float64.
    """
    matrix = matrix.astype(np.float64, copy=False)
    small = gram_triangle(matrix.T if matrix.shape[0] >= matrix.shape[1] else matrix)
    eigenvalues = np.linalg.eigvalsh(small, UPLO="U")
    if eigenvalues[-1] > 0.0:
        roots = np.sqrt(np.maximum(eigenvalues, 0.0))
        total = float(roots.sum())
        rounding = len(small) ** 0.5 * np.finfo(np.float64).eps * eigenvalues[-1]
        # |√(λ + e) − √λ| is at most e/√λ, and at most √e.
        errors = np.minimum(rounding / np.maximum(roots, 1e-300), np.sqrt(rounding))
        # Where the sum is cos θ of the largest, an error δ of it is one of δ / sin θ of the angle.
        sine = np.sqrt(max(1.0 - np.square(total / largest), 0.0))
        if float(errors.sum()) <= 5e-9 * min(total, sine * largest):
            return total
    return float(np.linalg.svd(matrix, compute_uv=False).sum())
