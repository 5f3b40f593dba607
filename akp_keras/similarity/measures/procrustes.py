"""Orthogonal Procrustes: how far two representations are after the best rotation.

Only the nuclear norm ‖XcᵀYc‖_* is needed, for which representations of different widths need no
padding: Ding et al. 2021 (arXiv 2108.01661), Williams et al. 2021 (arXiv 2110.14739). Its
normalised form is the Bures similarity (Tang et al. 2020; Harvey et al. 2023).
"""

from __future__ import annotations

import math

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.inner_product import difference, squared_distance
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.nuclear_norm import NuclearNorm
from akp_keras.similarity.statistic import Tile, Value, columns_of, fraction, rows_of


def _angle(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.arccos(np.clip(table, 0.0, 1.0))


def _blend_angle(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.arccos(np.clip(table / np.outer(left["norm"], right["norm"]), 0.0, 1.0))


def _chord(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.sqrt(2.0 * np.maximum(1.0 - table, 0.0))


def _squared_size_and_shape(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return squared_distance(table, rows_of(left, "size"), columns_of(right, "size"))


def _measure(
    title: str,
    formula: str,
    reference: str,
    value: Value,
    *,
    highest: float,
    invariances: str = "O S T",
    distances: tuple[str, ...] = ("itself",),
    similarity: bool = False,
    statistic: NuclearNorm | None = None,
) -> Measure:
    return Measure(
        Declaration(
            title=title,
            formula=formula,
            reference=reference,
            cost="npq + r³",
            larger_is_more_similar=similarity,
            range=(0.0, highest),
            invariances=invariant_to(invariances),
            distances=distances,
            metric=True,
            self_value=1.0 if similarity else 0.0,
        ),
        statistic or NuclearNorm(),
        value,
    )


def _angular() -> Measure:
    return _measure(
        "Angular Procrustes distance",
        "arccos(‖XcᵀYc‖_* / (‖Xc‖_F ‖Yc‖_F))",
        "Williams et al. 2021, arXiv 2110.14739, angular shape distance",
        _angle,
        highest=math.pi / 2,
    )


def _normalised() -> Measure:
    return _measure(
        "Normalised Procrustes distance",
        "√(2 − 2‖XcᵀYc‖_* / (‖Xc‖_F ‖Yc‖_F))",
        "Ding et al. 2021, arXiv 2108.01661, of representations of unit norm, and its root",
        _chord,
        highest=math.sqrt(2.0),
    )


def _size_and_shape_measure() -> Measure:
    return _measure(
        "Procrustes size-and-shape distance",
        "√(‖Xc‖²_F + ‖Yc‖²_F − 2‖XcᵀYc‖_*)",
        "Williams et al. 2021, arXiv 2110.14739; the root of the Bures metric of Gram matrices",
        difference,
        highest=math.inf,
        invariances="O T",
    )


def _bures_similarity() -> Measure:
    return _measure(
        "Normalised Bures similarity",
        "‖XcᵀYc‖_* / (‖Xc‖_F ‖Yc‖_F) = tr (K^½ L K^½)^½ / √(tr K tr L)",
        "Tang et al. 2020, arXiv 2003.11498; Harvey et al. 2023, arXiv 2310.05053",
        fraction,
        highest=1.0,
        distances=("angle", "chord"),
        similarity=True,
    )


def _bures_squared() -> Measure:
    return _measure(
        "Squared Bures metric of Gram matrices",
        "tr K + tr L − 2 tr (K^½ L K^½)^½",
        "Bhatia, Jain and Lim 2019, Expo. Math. 37",
        _squared_size_and_shape,
        highest=math.inf,
        invariances="O T",
        distances=("root",),
    )


def _shape(alpha: float) -> Measure:
    return _measure(
        "Angular shape distance with partial whitening",
        "arccos(‖AᵀB‖_* / (‖A‖_F ‖B‖_F)), A = U diag(αs/s̄ + 1 − α), Xc = U diag(s) Vᵀ, "
        "s̄ the root mean square of s",
        "Williams et al. 2021, arXiv 2110.14739, section 2.2",
        _blend_angle,
        highest=math.pi / 2,
        invariances="L T" if alpha == 0.0 else "O S T",
        statistic=NuclearNorm("blend", alpha),
    )


MEASURES = (
    Template("procrustes.angular", _angular),
    Template("procrustes.normalised", _normalised),
    Template("procrustes.size_and_shape", _size_and_shape_measure),
    Template("bures.similarity", _bures_similarity),
    Template("bures.squared", _bures_squared),
    Template("shape.angular", _shape, (Parameter("alpha", 0.5, minimum=0.0, maximum=1.0),)),
)
