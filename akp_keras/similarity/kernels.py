"""Kernel matrices and their centring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from akp_keras.similarity.inner_product import (
    InnerProduct,
    pack,
    pack_off_diagonal,
)
from akp_keras.similarity.permutation_index import permute_packed
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import Prepared


def double_centred(kernel: np.ndarray) -> np.ndarray:
    """H K H with H = I − 11ᵀ/n, for a symmetric (n, n) kernel matrix."""
    means = kernel.mean(axis=0)
    centred = kernel - means[:, None]
    centred -= means[None, :]
    centred += means.mean()
    return centred


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
class KernelGram(InnerProduct):
    """The inner product of centred kernel matrices.

    Attributes:
        kernel: "rbf", exp(−d²/(2σ²)); "laplace", exp(−d/σ); or "distance", −d.
        bandwidth: σ as a multiple of the median distance of two different samples.
        debiased: U-centred instead of centred matrices.
    """

    kernel: str
    bandwidth: float = 1.0
    debiased: bool = False

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The packed matrix."""
        factor = 1.0
        if self.kernel == "distance":
            matrix = -factors.distances
            factor = factors.norm
        else:
            scaled = factors.distances / (self.bandwidth * factors.median_distance)
            matrix = np.exp(-np.square(scaled) / 2.0 if self.kernel == "rbf" else -scaled)
        if self.debiased:
            return pack_off_diagonal(u_centred(matrix)), factor * np.sqrt(2.0)
        return pack(double_centred(matrix)), factor

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        vector = permute_packed(prepared["vector"], order, with_diagonal=not self.debiased)
        return {**prepared, "vector": vector}
