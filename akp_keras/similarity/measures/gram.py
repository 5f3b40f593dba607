"""Differences of linear Gram matrices, and the effective number of shared dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.arithmetic import gram_panels
from akp_keras.similarity.centring import uncentred
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.inner_product import InnerProduct, squared_distance
from akp_keras.similarity.linear_gram import LinearGram
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.packing import pack_panels
from akp_keras.similarity.statistic import Prepared, Tile, columns_of, rows_of


@dataclass(frozen=True)
class UncentredGram(InnerProduct):
    """The inner product of X Xᵀ and Y Yᵀ without centring.

    Prepared with `norm`, ‖X‖_F, which `size` leaves out: its fourth power may overflow.
    """

    is_hollow: ClassVar[bool] = False
    is_exact: ClassVar[bool] = True
    starts_from: ClassVar[frozenset[str]] = frozenset({"features", "kernel"})

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the norm too."""
        if factors.kind == "kernel":
            norm = np.sqrt(np.trace(np.asarray(factors.values, dtype=np.float64)))
        else:
            norm = uncentred(factors)[1]
        return {**super().prepare(factors), "norm": np.array(norm)}

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return the packed matrix."""
        packed = self.room(factors)
        if factors.kind == "kernel":
            kernel = np.asarray(factors.values, dtype=np.float64)
            pack_panels([kernel / np.trace(kernel)], packed)
        else:
            pack_panels(gram_panels(uncentred(factors)[0]), packed)
        return packed, 1.0

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Divide the matrix by its trace anew."""
        restored = super().restored(gathered, samples)
        trace = float(restored["vector"][:samples].sum() * restored["size"])
        return {
            **restored,
            "size": restored["size"] / trace,
            "norm": gathered["norm"] * np.sqrt(trace),
        }


def _relative_squares(
    statistic: np.ndarray, left: Tile, right: Tile
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ‖XXᵀ − YYᵀ‖²/m⁴, (‖X‖⁴ + ‖Y‖⁴)/m⁴ and m = max(‖X‖, ‖Y‖) of all pairs, (L, R) each."""
    norms = rows_of(left, "norm"), columns_of(right, "norm")
    larger = np.maximum(*norms)
    a, b = (np.square(norm / larger) for norm in norms)
    squared = squared_distance(statistic, a * rows_of(left, "size"), b * columns_of(right, "size"))
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
