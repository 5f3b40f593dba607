"""The Hilbert–Schmidt independence criterion (Gretton et al. 2005; Song et al. 2012, JMLR 13)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.inner_product import product
from akp_keras.similarity.kernels import KernelGram
from akp_keras.similarity.linear_gram import LinearGram
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.statistic import Statistic, Tile


def _biased(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    n = float(np.asarray(left["samples"])[0])
    return product(np.maximum(statistic, 0.0), left, right) / (n - 1.0) ** 2


def _unbiased(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    n = float(np.asarray(left["samples"])[0])
    return product(statistic, left, right) / (n * (n - 3.0))


def _hsic(kernel: str, statistic: Statistic, debiased: bool) -> Measure:
    return Measure(
        Declaration(
            title=f"HSIC, {kernel} kernel" + (", unbiased" if debiased else ""),
            formula=(
                "[tr K̃L̃ + 1ᵀK̃1·1ᵀL̃1/((n−1)(n−2)) − 2/(n−2)·1ᵀK̃L̃1] / (n(n−3)), K̃ = K − diag K"
                if debiased
                else "tr(KHLH) / (n−1)²"
            ),
            reference=(
                "Song et al. 2012, JMLR 13, eq. 5"
                if debiased
                else "Gretton et al. 2005, definition 2"
            ),
            cost="n²",
            larger_is_more_similar=True,
            range=(-math.inf if debiased else 0.0, math.inf),
            invariances=invariant_to("O T" if kernel == "linear" else "O S T"),
            min_samples=4 if debiased else 3,
        ),
        statistic,
        _unbiased if debiased else _biased,
    )


@dataclass(frozen=True)
class _Rbf:
    debiased: bool

    def __call__(self, bandwidth: float) -> Measure:
        return _hsic("RBF", KernelGram("rbf", bandwidth, self.debiased), self.debiased)


_BANDWIDTH = (Parameter("bandwidth", 1.0, minimum=1e-6, maximum=1e6),)

MEASURES = (
    Template("hsic.linear", lambda: _hsic("linear", LinearGram(), False)),
    Template("hsic.linear.unbiased", lambda: _hsic("linear", LinearGram(debiased=True), True)),
    Template("hsic.rbf", _Rbf(False), _BANDWIDTH),
    Template("hsic.rbf.unbiased", _Rbf(True), _BANDWIDTH),
)
