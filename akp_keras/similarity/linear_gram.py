"""The inner product of centred linear Gram matrices, by the cheaper of two routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.arithmetic import product, square_sum
from akp_keras.similarity.frobenius_product import block_square_sums
from akp_keras.similarity.inner_product import (
    InnerProduct,
    pack_panels,
    pack_panels_off_diagonal,
)
from akp_keras.similarity.permutation_index import permute_packed
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import Prepared, Statistic, Tile


@dataclass(frozen=True)
class LinearGram(InnerProduct):
    """The inner product of centred linear Gram matrices, by the n × n matrices.

    Attributes:
        debiased: U-centred instead of centred matrices.
    """

    debiased: bool = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the participation ratio (tr K)² / tr K² too."""
        vector, factor, squares = self._packed(factors)
        prepared = self.normalised(factors, vector, factor)
        return {**prepared, "participation": np.array(1.0 / squares)}

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The packed matrix; √2 where the packing of a hollow matrix leaves it out."""
        return self._packed(factors)[:2]

    def _packed(self, factors: Factors) -> tuple[np.ndarray, float, float]:
        """The packed matrix, its factor, and tr K² of the matrix that is not U-centred."""
        factor = factors.norm * factors.norm
        n = factors.samples
        if not self.debiased:
            packed = factors.scratch.take("gram", (n * (n + 1) // 2,), factors.precision)
            pack_panels(factors.gram_panels(), packed)
            return packed, factor, square_sum(packed)
        packed = factors.scratch.take("hollow gram", (n * (n - 1) // 2,), factors.precision)
        pack_panels_off_diagonal(factors.gram_panels(), packed)
        diagonal = np.einsum("ij,ij->i", factors.unit, factors.unit)
        squares = 2.0 * square_sum(packed) + float(np.square(diagonal).sum())
        _centre_u(packed, diagonal)
        return packed, factor * np.sqrt(2.0), squares

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        vector = permute_packed(prepared["vector"], order, with_diagonal=not self.debiased)
        return {**prepared, "vector": vector}

    def route(self, samples: int, features: int, members: int, permutations: int = 0) -> Statistic:
        """By n × n matrices, or by p × q cross-products where those cost less."""
        pairs = members * (members - 1) / 2 * (1 + permutations)
        by_gram = members * samples**2 * features + pairs * samples**2
        by_features = members * samples * features**2 + pairs * 2 * samples * features**2
        return LinearCrossProduct(self.debiased) if by_features < by_gram else self


@dataclass(frozen=True)
class LinearCrossProduct(Statistic):
    """The same inner product by the p × q cross-products ‖XcᵀYc‖², without an n × n matrix.

    With aᵢ the squared norm of row i of Xc and bᵢ that of Yc, U-centring takes
    (1 + 2/(n − 2)) a·b from ‖XcᵀYc‖² and adds Σa Σb / ((n − 1)(n − 2)): Song et al. 2012,
    equation 5, for matrices whose rows sum to zero.

    Attributes:
        debiased: U-centred instead of centred matrices.
    """

    tile: ClassVar[int] = 32
    debiased: bool = False

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the centred representation, divided so that its product with itself is 1."""
        unit = factors.unit
        products = product(unit.T, unit)
        norm_squared = square_sum(products)
        rows = np.einsum("ij,ij->i", unit, unit)
        if self.debiased:
            n = factors.samples
            norm_squared += _u_correction(rows, rows, n)
            if not norm_squared > 0.0:
                raise factors.degenerate("its U-centred Gram matrix is zero")
        norm = np.sqrt(norm_squared)
        prepared = {
            "features": unit / unit.dtype.type(np.sqrt(norm)),
            "size": np.array(norm * factors.norm * factors.norm),
            "samples": np.array(factors.samples),
            "participation": np.array(1.0 / square_sum(products)),
        }
        if self.debiased:
            prepared["rows"] = rows / rows.dtype.type(norm)
        return prepared

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Cosines of all pairs, by one product of all features of both tiles."""
        sums = block_square_sums(list(left["features"]), list(right["features"]))
        if not self.debiased:
            return sums
        rows, columns = np.asarray(left["rows"]), np.asarray(right["rows"])
        n = rows.shape[1]
        return sums + (
            rows.sum(axis=1)[:, None] * columns.sum(axis=1) / ((n - 1) * (n - 2))
            - (1 + 2 / (n - 2)) * (rows @ columns.T)
        )

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        gathered = {name: prepared[name][order] for name in prepared if prepared[name].ndim}
        return {**prepared, **gathered}


def _centre_u(packed: np.ndarray, diagonal: np.ndarray) -> None:
    """U-centres a centred Gram matrix of which the entries above the diagonal are packed.

    Without its diagonal, row i of a matrix whose rows sum to zero sums to −Kᵢᵢ, from which
    `kernels.u_centred` follows without another pass over the matrix.
    """
    n = len(diagonal)
    means = -diagonal / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    start = 0
    for i in range(n - 1):
        packed[start : start + n - 1 - i] -= means[i] + means[i + 1 :]
        start += n - 1 - i


def _u_correction(rows: np.ndarray, columns: np.ndarray, n: int) -> float:
    total = float(rows.sum()) * float(columns.sum()) / ((n - 1) * (n - 2))
    return total - (1 + 2 / (n - 2)) * float(rows @ columns)
