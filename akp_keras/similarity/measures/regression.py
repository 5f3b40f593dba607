"""What one representation predicts linearly of another, and how alike their projectors are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.linalg

from akp_keras.similarity.arithmetic import product
from akp_keras.similarity.centring import unit
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.frobenius_product import FrobeniusProduct
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.statistic import (
    PairStatistic,
    Prepared,
    Tile,
    columns_of,
    fraction,
    plain,
    rows_of,
)


def _over_larger_rank(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    larger = np.maximum(rows_of(left, "rank"), columns_of(right, "rank"))
    return np.clip(table / larger, 0.0, 1.0)


def _hat_distance(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    squares = rows_of(left, "square") + columns_of(right, "square")
    return np.sqrt(np.maximum(squares - 2.0 * table, 0.0))


def _linear_regression() -> Measure:
    return Measure(
        Declaration(
            title="Linear regression R², of X by Y",
            formula="‖QyᵀXc‖²_F / ‖Xc‖²_F, Qy an orthonormal basis of the span of Yc",
            reference="Kornblith et al. 2019, arXiv 1905.00414, table 1",
            cost="npr",
            larger_is_more_similar=True,
            range=(0.0, 1.0),
            invariances=invariant_to("O S T"),
            right_invariances=invariant_to("L T"),
            symmetric=False,
            self_value=1.0,
            saturates="right",
        ),
        FrobeniusProduct("unit", "basis"),
        fraction,
    )


def _eigenspace_overlap() -> Measure:
    return Measure(
        Declaration(
            title="Eigenspace overlap score",
            formula="‖UxᵀUy‖²_F / max(r, r′), Ux an orthonormal basis of the span of X, uncentred",
            reference="May et al. 2019, arXiv 1909.01264, definition 1",
            cost="nrr′",
            larger_is_more_similar=True,
            range=(0.0, 1.0),
            invariances=invariant_to("L"),
            self_value=1.0,
        ),
        FrobeniusProduct("uncentred_basis", "uncentred_basis"),
        _over_larger_rank,
    )


def _gulp(penalty: float) -> Measure:
    return Measure(
        Declaration(
            title="GULP distance",
            formula="‖H_X − H_Y‖_F, H = X̄(X̄ᵀX̄/n + λI)⁻¹X̄ᵀ/n, X̄ = √n Xc / ‖Xc‖_F",
            reference="Boix-Adsera et al. 2022, arXiv 2210.06545, eq. 5, and its root",
            cost="nrr′",
            larger_is_more_similar=False,
            range=(0.0, math.inf),
            invariances=invariant_to("L T" if penalty == 0.0 else "O S T"),
            distances=("itself",),
            metric=True,
            hilbertian=True,
            self_value=0.0,
        ),
        FrobeniusProduct("hat", "hat", penalty),
        _hat_distance,
    )


@dataclass(frozen=True)
class AffineInvariant(PairStatistic):
    """‖log(A^{-½} B A^{-½})‖_F of regularised Gram matrices.

    Attributes:
        ridge: what is added to the diagonal, in units of the mean eigenvalue.
    """

    is_exact: ClassVar[bool] = True
    preparation: ClassVar[str] = "n²p"
    accuracy: ClassVar[str] = "ε · n/ridge"
    layout: ClassVar[Mapping[str, str]] = {"matrix": "square"}
    ridge: float

    def memory(self, samples: int) -> float:
        """Count two matrices, copies of them and their eigenvectors."""
        return 5 * 8.0 * samples**2

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the Gram matrix of mean eigenvalue 1, plus the ridge."""
        n = factors.samples
        return {"matrix": n * product(unit(factors), unit(factors).T) + self.ridge * np.eye(n)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Take the generalised eigenvalues."""
        ratios = scipy.linalg.eigh(right["matrix"], left["matrix"], eigvals_only=True)
        return float(np.linalg.norm(np.log(ratios)))


def _affine_invariant(ridge: float) -> Measure:
    return Measure(
        Declaration(
            title="Affine-invariant Riemannian distance of Gram matrices",
            formula="‖log(A^{-½} B A^{-½})‖_F, A = nK / tr K + εI",
            reference="Pennec, Fillard and Ayache 2006, IJCV 66; Shahbazi et al. 2021",
            cost="n³",
            larger_is_more_similar=False,
            range=(0.0, math.inf),
            invariances=invariant_to("O S T"),
            distances=("itself",),
            metric=True,
            self_value=0.0,
        ),
        AffineInvariant(ridge),
        plain,
    )


MEASURES = (
    Template("regression.linear", _linear_regression),
    Template("eigenspace_overlap", _eigenspace_overlap),
    Template("gulp", _gulp, (Parameter("penalty", 0.01, minimum=0.0, maximum=1e9),)),
    Template(
        "riemannian.affine_invariant",
        _affine_invariant,
        (Parameter("ridge", 0.1, minimum=1e-6, maximum=1e6),),
    ),
)
