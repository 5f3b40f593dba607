"""Centred kernel alignment.

Kornblith et al. 2019 (arXiv 1905.00414), equation 1 and section 3; the debiased estimator is that
of Song et al. 2012 (JMLR 13), in the U-centred form of Székely and Rizzo 2014, which is a cosine of
vectors in a Hilbert space: unlike the textbook form it cannot leave [−1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.centring import norm
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.far_samples import bulk_centred
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.inner_product import InnerProduct
from akp_keras.similarity.kernels import KernelGram
from akp_keras.similarity.linear_gram import LinearGram, u_centred_gram
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.rows import Rows
from akp_keras.similarity.statistic import Prepared, Statistic, Tile, Value, cosine, fraction


@dataclass(frozen=True)
class MinibatchGram(InnerProduct):
    """The sum over batches of the unbiased HSIC with a linear kernel, samples batched in order.

    An incomplete last batch is left out, unless it is the only one: in a sum of equal terms few
    samples would count as much as many.

    Attributes:
        batch: samples in a batch.
    """

    is_hollow: ClassVar[bool] = True
    selects: ClassVar[bool] = False
    batch: int = 64

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return the U-centred Gram matrices of all batches, each by its own normalisation."""
        return self._batches(bulk_centred(factors)), norm(factors) * norm(factors)

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the features too, since a permutation of samples makes other batches."""
        return {**super().prepare(factors), "features": bulk_centred(factors)}

    def permute(self, prepared: Prepared, rows: Rows) -> Prepared:
        """Make new batches of the permuted samples."""
        features = prepared["features"][rows.indices]
        vector = self._batches(features)
        return {**prepared, "features": features, "vector": vector / np.linalg.norm(vector)}

    def _batches(self, features: np.ndarray) -> np.ndarray:
        size = min(self.batch, len(features))
        starts = range(0, len(features) - size + 1, size)
        vectors = [u_centred_gram(features[start : start + size]) for start in starts]
        return np.concatenate(vectors) * math.sqrt(2.0 / (size * (size - 3)))


def _negative_logarithm(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -np.log(np.clip(statistic, 0.0, 1.0))


def _cka(title: str, formula: str, reference: str, statistic: Statistic, debiased: bool) -> Measure:
    value: Value = cosine if debiased else fraction
    linear = isinstance(statistic, LinearGram | MinibatchGram)
    return Measure(
        Declaration(
            title=title,
            formula=formula,
            reference=reference,
            cost="n² (Gram route) or npq (feature route)" if linear else "n²",
            larger_is_more_similar=True,
            range=(-1.0, 1.0) if debiased else (0.0, 1.0),
            invariances=invariant_to("O S T"),
            distances=("chord", "angle"),
            metric=True,
            hilbertian=True,
            self_value=1.0,
            min_samples=4 if debiased else 3,
            sequential=isinstance(statistic, MinibatchGram),
        ),
        statistic,
        value,
    )


def _linear() -> Measure:
    return _cka(
        "Linear CKA",
        "‖YcᵀXc‖²_F / (‖XcᵀXc‖_F ‖YcᵀYc‖_F)",
        "Kornblith et al. 2019, arXiv 1905.00414, eq. 1",
        LinearGram(),
        debiased=False,
    )


def _linear_debiased() -> Measure:
    return _cka(
        "Linear CKA, debiased",
        "HSIC₁(K, L) / √(HSIC₁(K, K) HSIC₁(L, L))",
        "Song et al. 2012, JMLR 13, eq. 5; U-centred as in Székely and Rizzo 2014",
        LinearGram(debiased=True),
        debiased=True,
    )


def _linear_minibatch(batch: int) -> Measure:
    return _cka(
        "Linear CKA, by minibatches",
        "Σ_b HSIC₁(K_b, L_b) / √(Σ_b HSIC₁(K_b, K_b) · Σ_b HSIC₁(L_b, L_b))",
        "Nguyen et al. 2021, arXiv 2010.15327, eq. 4",
        MinibatchGram(batch),
        debiased=True,
    )


def _linear_negative_log() -> Measure:
    return Measure(
        Declaration(
            title="Negative logarithm of linear CKA",
            formula="−ln CKA(X, Y)",
            reference="Kornblith et al. 2019, arXiv 1905.00414, eq. 1, and its logarithm",
            cost="n² (Gram route) or npq (feature route)",
            larger_is_more_similar=False,
            range=(0.0, math.inf),
            invariances=invariant_to("O S T"),
            self_value=0.0,
            min_samples=3,
        ),
        LinearGram(),
        _negative_logarithm,
    )


_KERNELS = {
    "rbf": ("RBF", "k = exp(−d²/(2σ²)), σ = bandwidth × median distance of different samples"),
    "laplace": ("Laplace", "k = exp(−d/σ), σ = bandwidth × median distance of different samples"),
}


def _kernel(kernel: str, debiased: bool, bandwidth: float) -> Measure:
    name, formula = _KERNELS[kernel]
    hsic = "HSIC₁" if debiased else "HSIC"
    return _cka(
        f"{name} CKA" + (", debiased" if debiased else ""),
        f"{hsic}(K, L) / √({hsic}(K, K) {hsic}(L, L)), {formula}",
        "Kornblith et al. 2019, arXiv 1905.00414, section 3"
        + ("; Song et al. 2012, JMLR 13, eq. 5" if debiased else ""),
        KernelGram(kernel, bandwidth, debiased),
        debiased,
    )


@dataclass(frozen=True)
class _Builder:
    kernel: str
    debiased: bool

    def __call__(self, bandwidth: float) -> Measure:
        return _kernel(self.kernel, self.debiased, bandwidth)


_BANDWIDTH = (Parameter("bandwidth", 1.0, minimum=1e-6, maximum=1e6),)

MEASURES = (
    Template("cka.linear", _linear),
    Template("cka.linear.debiased", _linear_debiased),
    Template("cka.linear.minibatch", _linear_minibatch, (Parameter("batch", 64, minimum=4),)),
    Template("cka.linear.negative_log", _linear_negative_log),
    Template("cka.rbf", _Builder("rbf", False), _BANDWIDTH),
    Template("cka.rbf.debiased", _Builder("rbf", True), _BANDWIDTH),
    Template("cka.laplace", _Builder("laplace", False), _BANDWIDTH),
    Template("cka.laplace.debiased", _Builder("laplace", True), _BANDWIDTH),
)
