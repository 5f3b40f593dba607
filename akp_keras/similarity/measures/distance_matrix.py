"""Differences of the matrices of Euclidean distances between samples."""

from __future__ import annotations

import math

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.dissimilarity import DissimilarityProduct
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.inner_product import difference
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.statistic import Tile


def _frobenius(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return math.sqrt(2.0) * difference(statistic, left, right)


def _root_mean_square(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    n = float(np.asarray(left["samples"])[0])
    return difference(statistic, left, right) / math.sqrt(n * (n - 1) / 2)


def _norm(norm: str) -> Measure:
    return Measure(
        Declaration(
            title="Norm of the difference of distance matrices",
            formula=(
                "‖D − D′‖_F" if norm == "frobenius" else "√Σ_{i<j} (d_ij − d′_ij)², each pair once"
            ),
            reference="Klabunde et al. 2023, arXiv 2305.06329, RSM norm difference",
            cost="n²",
            larger_is_more_similar=False,
            range=(0.0, math.inf),
            invariances=invariant_to("O T"),
            distances=("itself",),
            metric=True,
            hilbertian=True,
            self_value=0.0,
        ),
        DissimilarityProduct("euclidean"),
        _frobenius if norm == "frobenius" else difference,
    )


def _stress(scale: str) -> Measure:
    by_median = scale == "median"
    return Measure(
        Declaration(
            title="Stress" + (", distances over their median" if by_median else ""),
            formula="√mean_{i<j} (d_ij − d′_ij)²" + (", d / median d" if by_median else ""),
            reference="Kruskal 1964, Psychometrika 29 (raw stress), root mean square",
            cost="n²",
            larger_is_more_similar=False,
            range=(0.0, math.inf),
            invariances=invariant_to("O S T" if by_median else "O T"),
            distances=("itself",),
            metric=True,
            hilbertian=True,
            self_value=0.0,
        ),
        DissimilarityProduct("euclidean", "median" if by_median else "plain"),
        _root_mean_square,
    )


MEASURES = (
    Template(
        "distance_matrix.norm",
        _norm,
        (Parameter("norm", "frobenius", choices=("frobenius", "vector")),),
    ),
    Template(
        "distance_matrix.stress",
        _stress,
        (Parameter("scale", "median", choices=("median", "none")),),
    ),
)
