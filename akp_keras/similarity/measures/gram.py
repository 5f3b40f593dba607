"""Differences of linear Gram matrices, and the effective number of shared dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.inner_product import InnerProduct, difference, pack
from akp_keras.similarity.linear_gram import LinearGram
from akp_keras.similarity.permutation_index import permute_packed
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.registry import Measure, Template
from akp_keras.similarity.statistic import Prepared, Tile


@dataclass(frozen=True)
class UncentredGram(InnerProduct):
    """The inner product of X Xᵀ and Y Yᵀ without centring; prepared with `trace`, tr X Xᵀ."""

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the trace too."""
        norm = factors.raw[1]
        return {**super().prepare(factors), "trace": np.array(norm * norm)}

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The packed matrix."""
        raw, norm = factors.raw
        return pack(raw @ raw.T), norm * norm

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {**prepared, "vector": permute_packed(prepared["vector"], order, True)}


def _relative(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    squares = np.square(np.asarray(left["trace"]))[:, None] + np.square(np.asarray(right["trace"]))
    return np.square(difference(statistic, left, right)) / squares


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
        difference,
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
