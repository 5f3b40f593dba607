"""Canonical correlations and what is made of them.

The canonical correlations ρ of X and Y are the singular values of QxᵀQy, where Qx and Qy are
orthonormal bases of the spans of Xc and Yc, of as many columns as their numerical ranks r and r′.
All of them are 1 as soon as one rank reaches n − 1: see `SimilarityResult.ranks`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.centring import unit
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.frobenius_product import FrobeniusProduct
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.nuclear_norm import NuclearNorm
from akp_keras.similarity.spectrum import svd
from akp_keras.similarity.statistic import (
    PairStatistic,
    Prepared,
    Tile,
    columns_of,
    fraction,
    rows_of,
)


def _smaller_rank(left: Tile, right: Tile) -> np.ndarray:
    return np.minimum(rows_of(left, "rank"), columns_of(right, "rank"))


def _mean(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.clip(table / _smaller_rank(left, right), 0.0, 1.0)


def _angle(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.arccos(np.clip(table / np.sqrt(np.outer(left["rank"], right["rank"])), 0.0, 1.0))


def _covariance(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    n = float(np.asarray(left["samples"])[0])
    return table * np.outer(left["size"], right["size"]) / (n - 1.0)


def _similarity(
    title: str,
    formula: str,
    reference: str,
    cost: str,
    invariances: str,
    self_value: float | None = 1.0,
    saturates: str = "",
) -> Declaration:
    return Declaration(
        title=title,
        formula=formula,
        reference=reference,
        cost=cost,
        larger_is_more_similar=True,
        range=(0.0, 1.0),
        invariances=invariant_to(invariances),
        self_value=self_value,
        saturates=saturates,
    )


def _mean_cca() -> Measure:
    declaration = _similarity(
        "Mean canonical correlation",
        "Σρ / min(r, r′)",
        "Raghu et al. 2017, arXiv 1706.05806, without truncation",
        "nrr′ + r³",
        "L T",
        saturates="either",
    )
    return Measure(declaration, NuclearNorm("basis"), _mean)


def _mean_squared_cca() -> Measure:
    declaration = _similarity(
        "Mean squared canonical correlation (R² of CCA, Yanai's coefficient)",
        "‖QxᵀQy‖²_F / min(r, r′) = Σρ² / min(r, r′)",
        "Kornblith et al. 2019, arXiv 1905.00414, table 1",
        "nrr′",
        "L T",
        saturates="either",
    )
    return Measure(declaration, FrobeniusProduct("basis", "basis"), _mean)


def _angular_cca() -> Measure:
    return Measure(
        Declaration(
            title="Angle of canonical correlations",
            formula="arccos(Σρ / √(r r′))",
            reference="Williams et al. 2021, arXiv 2110.14739, full whitening (α = 0)",
            cost="nrr′ + r³",
            larger_is_more_similar=False,
            range=(0.0, math.pi / 2),
            invariances=invariant_to("L T"),
            distances=("itself",),
            metric=True,
            self_value=0.0,
        ),
        NuclearNorm("basis"),
        _angle,
    )


def _svcca(variance: float) -> Measure:
    declaration = _similarity(
        "SVCCA",
        "mean ρ of the first principal components that hold a share of the variance, Σs² rule",
        "Raghu et al. 2017, arXiv 1706.05806, section 2",
        "nkk′ + k³",
        "O S T",
    )
    return Measure(declaration, NuclearNorm("truncated", variance), _mean)


def _regularised_cca(ridge: float) -> Measure:
    declaration = _similarity(
        "Regularised mean canonical correlation",
        "‖AᵀB‖_* / min(r, r′), A = U diag(s/√(s² + λs̄²)), s̄² the mean of s²",
        "Vinod 1976, J. Econometrics 4 (canonical ridge)",
        "nrr′ + r³",
        "O S T",
        self_value=None,
    )
    return Measure(declaration, NuclearNorm("ridge", ridge), _mean)


def _pls() -> Measure:
    return Measure(
        Declaration(
            title="Total of the partial-least-squares covariances",
            formula="‖XcᵀYc‖_* / (n − 1)",
            reference="McIntosh et al. 1996, NeuroImage 3 (partial least squares)",
            cost="npq + r³",
            larger_is_more_similar=True,
            range=(0.0, math.inf),
            invariances=invariant_to("O T"),
        ),
        NuclearNorm(),
        _covariance,
    )


@dataclass(frozen=True)
class ProjectionWeighted(PairStatistic):
    """Projection-weighted mean of the canonical correlations, weighted on the left side."""

    symmetric: ClassVar[bool] = False
    preparation: ClassVar[str] = "np · min(n, p)"
    accuracy: ClassVar[str] = "ε · s₁/s_r"
    layout: ClassVar[Mapping[str, str]] = {"basis": "rows"}

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the basis of the span and the features in that basis."""
        basis = svd(factors)[0]
        return {"basis": basis, "features": basis.T @ unit(factors)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Weight by how much of the features each canonical variate of the left side makes."""
        turn, correlations, _ = np.linalg.svd(left["basis"].T @ right["basis"], full_matrices=False)
        weights = np.abs(turn.T @ left["features"]).sum(axis=1)
        return float(weights @ np.clip(correlations, 0.0, 1.0) / weights.sum())


def _pwcca() -> Measure:
    return Measure(
        Declaration(
            title="PWCCA, weighted by X",
            formula="Σαᵢρᵢ / Σαᵢ, αᵢ = Σⱼ |⟨hᵢ, xⱼ⟩|, hᵢ the orthonormal canonical variates of X",
            reference="Morcos et al. 2018, arXiv 1806.05759, section 2.2",
            cost="nrr′ + r³",
            larger_is_more_similar=True,
            range=(0.0, 1.0),
            invariances=invariant_to("S P T"),
            right_invariances=invariant_to("L T"),
            symmetric=False,
            self_value=1.0,
            saturates="either",
        ),
        ProjectionWeighted(),
        fraction,
    )


MEASURES = (
    Template("cca.mean", _mean_cca),
    Template("cca.mean_squared", _mean_squared_cca),
    Template("cca.angular", _angular_cca),
    Template("cca.svcca", _svcca, (Parameter("variance", 0.99, minimum=1e-9, maximum=1.0),)),
    Template("cca.pwcca", _pwcca),
    Template(
        "cca.regularised", _regularised_cca, (Parameter("ridge", 0.1, minimum=0.0, maximum=1e9),)
    ),
    Template("pls.covariance", _pls),
)
