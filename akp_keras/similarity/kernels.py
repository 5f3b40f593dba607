"""The inner product of centred kernel matrices of pairs of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity import packing
from akp_keras.similarity.arithmetic import gram_panels
from akp_keras.similarity.factors import Factors, once
from akp_keras.similarity.far_samples import bulk_centred
from akp_keras.similarity.inner_product import InnerProduct
from akp_keras.similarity.pair_distances import squared_distances, unit_of_distance

# Below this share of a kernel's squares off the diagonal, its CKA is 1 whatever the data.
_LEAST_OFF_DIAGONAL = 1e-6


@once
def median_distance(factors: Factors) -> float:
    """Return the median distance of two different samples, in units of ‖Xc‖_F."""
    squared = packing.in_memory(squared_distances(factors))
    # Of an even number the median is the mean of two distances, not of their squares.
    half = len(squared) // 2
    places = [half] if len(squared) % 2 else [half - 1, half]
    squared.partition(places)
    median = float(np.sqrt(squared[places]).mean())
    if not median > 0.0:
        raise factors.degenerate(
            "more than half of its pairs of samples are equal, so that its median distance is 0"
        )
    return median


@dataclass(frozen=True)
class KernelGram(InnerProduct):
    """The inner product of centred kernel matrices.

    Attributes:
        kernel: "rbf", exp(−d²/(2σ²)); "laplace", exp(−d/σ); or "distance", −d.
        bandwidth: σ as a multiple of the median distance of two different samples.
        debiased: U-centred instead of centred matrices.
    """

    starts_from: ClassVar[frozenset[str]] = frozenset({"features", "dissimilarities"})
    kernel: str
    bandwidth: float = 1.0
    debiased: bool = False

    @property
    def is_hollow(self) -> bool:
        """A U-centred matrix has no diagonal."""
        return self.debiased

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return the packed matrix."""
        n = factors.samples
        packed = self.room(factors)
        # A constant changes nothing once it is centred: of k − 1 the diagonal is zero, and no
        # digit is lost where a wide kernel is nearly 1.
        hollow = packed if self.debiased else packed[n:]
        self._fill(factors, hollow)
        if self.debiased:
            packing.u_centre_resolved(hollow, factors)
            root = np.sqrt(2.0)
        else:
            packed[:n] = 0.0
            packing.double_centre(packed, n)
            root = 1.0
        return packed, root * (unit_of_distance(factors) if self.kernel == "distance" else 1.0)

    def recentre(self, vector: np.ndarray, samples: int, unit: float) -> float:
        """Centre the matrix anew; the bandwidth stays that of all samples."""
        packing.recentre(vector, samples, is_hollow=self.debiased)
        return unit

    def memory(self, samples: int) -> float:
        """Count the distances of which the median is taken."""
        return 0.0 if self.kernel == "distance" else 8.0 * packing.hollow_length(samples)

    def _fill(self, factors: Factors, hollow: np.ndarray) -> None:
        """Write the kernel minus 1 (of "distance", the kernel)."""
        if self.kernel == "distance" and self.debiased and factors.kind == "features":
            _write_distances(factors, hollow)
            return
        squares = 0.0
        if self.kernel != "distance":
            scale = self.bandwidth * median_distance(factors)
        squared = packing.stretches(squared_distances(factors))
        for source, target in zip(squared, packing.stretches(hollow), strict=True):
            if self.kernel == "distance":
                np.sqrt(source, out=target)
                np.negative(target, out=target)
                continue
            if self.kernel == "rbf":
                np.multiply(source, -0.5 / scale**2, out=target)
            else:
                np.sqrt(source, out=target)
                target *= -1.0 / scale
            np.expm1(target, out=target)
            squares += float(np.square(target + 1.0).sum())
        is_identity = 2.0 * squares < _LEAST_OFF_DIAGONAL * factors.samples
        if is_identity and self.kernel != "distance" and not self.debiased:
            raise factors.degenerate(
                f"at bandwidth={self.bandwidth:g} no sample is near any other, so its kernel is "
                "the identity and CKA 1 whatever the data"
            )


def _write_distances(factors: Factors, hollow: np.ndarray) -> None:
    """Write ‖xᵢ‖ + ‖xⱼ‖ − dᵢⱼ, of which U-centring leaves what it leaves of −dᵢⱼ.

    That is 2(‖xᵢ‖‖xⱼ‖ + xᵢ·xⱼ) / (‖xᵢ‖ + ‖xⱼ‖ + dᵢⱼ), without the cancellation of a far sample's
    distances.
    """
    rows = bulk_centred(factors)
    norms = np.linalg.norm(rows, axis=1)
    distances = packing.rows_above_diagonal(squared_distances(factors), factors.samples)
    targets = packing.rows_above_diagonal(hollow, factors.samples)
    for panel in gram_panels(rows):
        for offset, products in enumerate(panel, start=1):
            i, squared = next(distances, (None, None))
            if i is None:
                return
            _, target = next(targets)
            others = norms[i + 1 :]
            np.multiply(others, norms[i], out=target)
            target += products[offset:]
            sums = np.sqrt(squared)
            sums += others + norms[i]
            np.divide(target, sums, out=target, where=sums > 0.0)
            target *= 2.0
