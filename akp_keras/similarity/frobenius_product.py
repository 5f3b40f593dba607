"""‖AᵀB‖²_F of one matrix per representation: inner products of projectors and hat matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.arithmetic import block_sums, product
from akp_keras.similarity.centring import unit
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.spectrum import svd, uncentred_svd
from akp_keras.similarity.statistic import Prepared, Statistic, Tile


def block_square_sums(lefts: list[np.ndarray], rights: list[np.ndarray]) -> np.ndarray:
    """Compute ‖AᵢᵀBⱼ‖²_F of all pairs, by one product of all columns of all matrices.

    Args:
        lefts: L matrices (n, pᵢ).
        rights: R matrices (n, qⱼ).

    Returns:
        (L, R) float64.
    """
    cross = product(np.concatenate(lefts, axis=1).T, np.concatenate(rights, axis=1))
    np.square(cross, out=cross)
    widths = ([matrix.shape[1] for matrix in side] for side in (lefts, rights))
    sums = block_sums(cross, *widths)
    return sums.astype(np.float64, copy=False)


@dataclass(frozen=True)
class FrobeniusProduct(Statistic):
    """‖AᵀB‖²_F, where A is made of X and B of Y.

    Prepared: `left` and `right`, what stands for a representation on either side (`right` only
    where they differ), `rank`, and `square`, ‖AᵀA‖²_F.

    Attributes:
        left: "basis", an orthonormal basis of the span of Xc; "uncentred_basis", of X; "unit",
            Xc / ‖Xc‖_F; or "hat", whose A Aᵀ is the hat matrix of ridge regression on
            √n Xc / ‖Xc‖_F.
        right: the same for Y.
        penalty: λ of the hat matrix.
    """

    tile: ClassVar[int] = 32
    preparation: ClassVar[str] = "np · min(n, p)"
    accuracy: ClassVar[str] = "ε · s₁/s_r"
    layout: ClassVar[Mapping[str, str]] = {"left": "rows", "right": "rows"}
    left: str
    right: str
    penalty: float = 0.0

    @property
    def symmetric(self) -> bool:
        """Whether both sides are alike."""
        return self.left == self.right

    def prepare(self, factors: Factors) -> Prepared:
        """Keep one or two matrices."""
        matrix = self._matrix(factors, self.left)
        inner = matrix.T @ matrix
        prepared = {
            "left": matrix,
            "rank": np.array(matrix.shape[1]),
            "square": np.array(float(np.vdot(inner, inner))),
        }
        if not self.symmetric:
            prepared["right"] = self._matrix(factors, self.right)
        return prepared

    def _matrix(self, factors: Factors, kind: str) -> np.ndarray:
        if kind == "unit":
            return unit(factors)
        if kind == "uncentred_basis":
            return uncentred_svd(factors)[0]
        basis, values = svd(factors)
        if kind == "hat" and self.penalty > 0.0:
            return basis * (values / np.sqrt(np.square(values) + self.penalty))
        return basis

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute (L, R) squared Frobenius norms."""
        return block_square_sums(
            list(left["left"]), list(right["left" if self.symmetric else "right"])
        )
