"""Differences of linear Gram matrices, and the effective number of shared dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.inner_product import InnerProduct, pack
from akp_keras.similarity.linear_gram import LinearGram
from akp_keras.similarity.permutation_index import permute_packed
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.registry import Measure, Template
from akp_keras.similarity.statistic import Prepared, Tile


@dataclass(frozen=True)
class UncentredGram(InnerProduct):
    """The inner product of X Xᵀ and Y Yᵀ without centring.

    Prepared with `norm`, ‖X‖_F, which `size` leaves out: its fourth power may overflow.
    """

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the norm too."""
        return {**super().prepare(factors), "norm": np.array(factors.raw[1])}

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The packed matrix."""
        raw, _ = factors.raw
        return pack(raw @ raw.T), 1.0

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {**prepared, "vector": permute_packed(prepared["vector"], order, True)}


def _relative_squares(
    statistic: np.ndarray, left: Tile, right: Tile
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """‖XXᵀ − YYᵀ‖²_F/m⁴, (‖X‖⁴_F + ‖Y‖⁴_F)/m⁴ and m = max(‖X‖_F, ‖Y‖_F), (L, R) each."""
    norms = np.asarray(left["norm"])[:, None], np.asarray(right["norm"])[None, :]
    larger = np.maximum(*norms)
    a, b = (np.square(norm / larger) for norm in norms)
    x, y = a * np.asarray(left["size"])[:, None], b * np.asarray(right["size"])[None, :]
    # As `inner_product.difference`: no cancellation but that in 1 − cos.
    squared = np.square(x - y) + 2.0 * x * y * np.maximum(1.0 - statistic, 0.0)
    return squared, np.square(a) + np.square(b), larger


def _distance(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    squared, _, larger = _relative_squares(statistic, left, right)
    with np.errstate(over="ignore"):
        return np.sqrt(squared) * larger * larger


def _relative(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    squared, total, _ = _relative_squares(statistic, left, right)
    return squared / total


def _shared_dimensions(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    ratios = np.outer(left["participation"], right["participation"])
    return np.clip(statistic, 0.0, 1.0) * np.sqrt(ratios)


def _euclidean() -> Measure:
    return Measure(
        Declaration(
            title="Distance of Gram matrices",
            formula="‖XXᵀ − YYᵀ‖_F",
            reference="Tang et al. 2020, arXiv 2003.11498 (kernel Euclidean distance)",
            cost="n²",
            larger_is_more_similar=False,
            range=(0.0, math.inf),
            invariances=invariant_to("O"),
            distances=("itself",),
            metric=True,
            hilbertian=True,
            self_value=0.0,
        ),
        UncentredGram(),
        _distance,
    )


def _relative_measure() -> Measure:
    return Measure(
        Declaration(
            title="Relative difference of Gram matrices (CKA′)",
            formula="‖XXᵀ − YYᵀ‖²_F / (‖X‖⁴_F + ‖Y‖⁴_F)",
            reference="Ding et al. 2021, arXiv 2108.01661, code",
            cost="n²",
            larger_is_more_similar=False,
            range=(0.0, 1.0),
            invariances=invariant_to("O"),
            self_value=0.0,
        ),
        UncentredGram(),
        _relative,
    )


def _ensd() -> Measure:
    return Measure(
        Declaration(
            title="Effective number of shared dimensions",
            formula="√(PR_X PR_Y) · CKA(X, Y), PR = (tr K)² / tr K²",
            reference="Giaffar et al. 2023, bioRxiv 2023.07.27.550815",
            cost="n² (Gram route) or npq (feature route)",
            larger_is_more_similar=True,
            range=(0.0, math.inf),
            invariances=invariant_to("O S T"),
            min_samples=3,
        ),
        LinearGram(),
        _shared_dimensions,
    )


MEASURES = (
    Template("gram.euclidean", _euclidean),
    Template("gram.relative", _relative_measure),
    Template("ensd", _ensd),
)
