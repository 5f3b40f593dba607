"""Centred kernel alignment with the linear kernel.

Kornblith et al. 2019 (arXiv 1905.00414), equation 1 and section 3; the debiased estimator is that
of Song et al. 2012 (JMLR 13), in the U-centred form of Székely and Rizzo 2014, which is a cosine of
vectors in a Hilbert space: unlike the textbook form it cannot leave [−1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.inner_product import (
    InnerProduct,
    pack,
    pack_off_diagonal,
    permute_packed,
)
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.registry import Measure, Template
from akp_keras.similarity.statistic import Prepared, Statistic, Tile, cosine, fraction


def u_centred(kernel: np.ndarray) -> np.ndarray:
    """The U-centred form of a symmetric kernel matrix (Székely and Rizzo 2014, section 3).

    Args:
        kernel: (n, n), n ≥ 4.

    Returns:
        (n, n) with a zero diagonal and zero row sums; ⟨Ũ(K), Ũ(L)⟩ / (n(n − 3)) is the unbiased
        HSIC of Song et al. 2012, equation 5.
    """
    n = len(kernel)
    centred = kernel.copy()
    np.fill_diagonal(centred, 0.0)
    means = centred.sum(axis=0) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    centred -= means[:, None]
    centred -= means[None, :]
    np.fill_diagonal(centred, 0.0)
    return centred


@dataclass(frozen=True)
class LinearGram(InnerProduct):
    """The inner product of centred linear Gram matrices, by the n × n matrices.

    Attributes:
        debiased: U-centred instead of centred matrices.
    """

    debiased: bool = False

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The packed matrix; √2 where the packing of a hollow matrix leaves it out."""
        factor = factors.norm**2
        if self.debiased:
            return pack_off_diagonal(u_centred(factors.gram)), factor * np.sqrt(2.0)
        return pack(factors.gram), factor

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        vector = permute_packed(prepared["vector"], order, with_diagonal=not self.debiased)
        return {**prepared, "vector": vector}

    def route(self, samples: int, features: int, members: int) -> Statistic:
        """By n × n matrices, or by p × q cross-products where those cost less."""
        pairs = members * (members - 1) / 2
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
        product = unit.T @ unit
        norm_squared = float(np.vdot(product, product))
        rows = np.einsum("ij,ij->i", unit, unit)
        if self.debiased:
            n = factors.samples
            norm_squared += _u_correction(rows, rows, n)
            if not norm_squared > 0.0:
                raise factors.degenerate("its U-centred Gram matrix is zero")
        norm = np.sqrt(norm_squared)
        prepared = {
            "features": unit / unit.dtype.type(np.sqrt(norm)),
            "size": np.array(norm * factors.norm**2),
        }
        if self.debiased:
            prepared["rows"] = rows / rows.dtype.type(norm)
        return prepared

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Cosines of all pairs, by one product of all features of both tiles."""
        lefts, rights = list(left["features"]), list(right["features"])
        cross = np.concatenate(lefts, axis=1).T @ np.concatenate(rights, axis=1)
        np.square(cross, out=cross)
        starts = [
            np.concatenate([[0], np.cumsum([one.shape[1] for one in side])[:-1]])
            for side in (lefts, rights)
        ]
        sums = np.add.reduceat(np.add.reduceat(cross, starts[0], axis=0), starts[1], axis=1)
        sums = sums.astype(np.float64, copy=False)
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
        gathered = {name: prepared[name][order] for name in prepared if name != "size"}
        return {**prepared, **gathered}


def _u_correction(rows: np.ndarray, columns: np.ndarray, n: int) -> float:
    total = float(rows.sum()) * float(columns.sum()) / ((n - 1) * (n - 2))
    return total - (1 + 2 / (n - 2)) * float(rows @ columns)


def _linear() -> Measure:
    return Measure(
        Declaration(
            title="Linear CKA",
            formula="‖YcᵀXc‖²_F / (‖XcᵀXc‖_F ‖YcᵀYc‖_F)",
            reference="Kornblith et al. 2019, arXiv 1905.00414, eq. 1 with a linear kernel",
            cost="n² (Gram route) or npq (feature route)",
            larger_is_more_similar=True,
            range=(0.0, 1.0),
            invariances=invariant_to("O S T"),
            distances=("chord", "angle"),
            metric=True,
            hilbertian=True,
            self_value=1.0,
        ),
        LinearGram(),
        fraction,
    )


def _linear_debiased() -> Measure:
    return Measure(
        Declaration(
            title="Linear CKA, debiased",
            formula="HSIC₁(K, L) / √(HSIC₁(K, K) HSIC₁(L, L))",
            reference="Song et al. 2012, JMLR 13, eq. 5; U-centred: Székely and Rizzo 2014",
            cost="n² (Gram route) or npq (feature route)",
            larger_is_more_similar=True,
            range=(-1.0, 1.0),
            invariances=invariant_to("O S T"),
            distances=("chord", "angle"),
            metric=True,
            hilbertian=True,
            self_value=1.0,
            min_samples=4,
        ),
        LinearGram(debiased=True),
        cosine,
    )


MEASURES = (
    Template("cka.linear", _linear),
    Template("cka.linear.debiased", _linear_debiased),
)
