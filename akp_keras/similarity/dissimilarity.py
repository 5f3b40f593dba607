"""Representational dissimilarity matrices: the n(n − 1)/2 dissimilarities of pairs of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.stats

from akp_keras.similarity import packing
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.inner_product import InnerProduct
from akp_keras.similarity.pair_distances import (
    correlation_dissimilarities,
    cosine_dissimilarities,
    precomputed,
    squared_distances,
    unit_of_distance,
)
from akp_keras.similarity.statistic import PairStatistic, Prepared

_STARTS = frozenset({"features", "dissimilarities"})

KINDS = ("correlation", "cosine", "euclidean", "squared_euclidean")


def write_dissimilarities(factors: Factors, kind: str, hollow: np.ndarray) -> float:
    """Write the dissimilarities of pairs of samples, in units of a factor.

    Precomputed ones are taken as they are, whichever kind is asked for.

    Args:
        factors: of the representation.
        kind: "correlation", one minus the Pearson correlation of two samples over features;
            "cosine", one minus their cosine; "euclidean"; or "squared_euclidean".
        hollow: (n(n − 1)/2,) for the result.

    Returns:
        The factor.
    """
    if factors.kind == "dissimilarities":
        hollow[:] = precomputed(factors)
        return 1.0
    if kind == "correlation":
        source, factor = correlation_dissimilarities(factors), 1.0
    elif kind == "cosine":
        source, factor = cosine_dissimilarities(factors), 1.0
    else:
        source, factor = squared_distances(factors), unit_of_distance(factors)
    for values, target in zip(packing.stretches(source), packing.stretches(hollow), strict=True):
        (np.sqrt if kind == "euclidean" else np.positive)(values, out=target)
    return factor * factor if kind == "squared_euclidean" else factor


def _mean_taken_off(hollow: np.ndarray) -> None:
    mean = sum(float(stretch.sum()) for stretch in packing.stretches(hollow)) / len(hollow)
    for stretch in packing.stretches(hollow):
        stretch -= mean


def _ranks(hollow: np.ndarray) -> None:
    """Return ranks minus their mean; dissimilarities that differ by rounding alone are tied."""
    _round(hollow)
    ordered = packing.in_memory(hollow)
    ordered.sort()
    for stretch in packing.stretches(hollow):
        order = np.argsort(stretch)
        values = stretch[order]
        below = np.searchsorted(ordered, values)
        up_to = below + 1
        tied = ordered[np.minimum(up_to, len(ordered) - 1)] == values
        up_to[tied] = np.searchsorted(ordered, values[tied], "right")
        stretch[order] = (below + up_to - len(hollow)) / 2.0


def _over_median(hollow: np.ndarray) -> None:
    median = float(np.median(packing.in_memory(hollow), overwrite_input=True))
    for stretch in packing.stretches(hollow):
        stretch /= median


def _round(hollow: np.ndarray) -> None:
    """Round to 38 binary digits, 2e-12 of each number: what is equal but for rounding is equal."""
    dropped = 53 - 38 - 1
    for stretch in packing.stretches(hollow):
        bits = stretch.view(np.int64)
        bits += 1 << (dropped - 1)
        bits &= -(1 << dropped)


_FORMS: dict[str, Callable[[np.ndarray], None]] = {
    "plain": lambda hollow: None,
    "centred": _mean_taken_off,
    "ranks": _ranks,
    "median": _over_median,
}


@dataclass(frozen=True)
class DissimilarityProduct(InnerProduct):
    """The inner product of what is made of the dissimilarities of pairs of samples.

    Attributes:
        kind: of dissimilarity, one of `KINDS`.
        form: "plain", as they are; "centred", minus their mean; "ranks", their ranks minus the
            mean rank; "median", divided by their median.
    """

    is_hollow: ClassVar[bool] = True
    starts_from: ClassVar[frozenset[str]] = _STARTS
    kind: str
    form: str = "plain"

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return (n(n − 1)/2,), by pairs of samples."""
        hollow = self.room(factors)
        factor = write_dissimilarities(factors, self.kind, hollow)
        before = packing.square_sum(hollow)
        with np.errstate(divide="ignore", invalid="ignore"):
            _FORMS[self.form](hollow)
        if self.form == "median" and not np.isfinite(hollow[0]):
            raise factors.degenerate("the median of its dissimilarities is 0")
        if self.form == "centred" and packing.square_sum(hollow) <= 1e-24 * before:
            raise factors.degenerate(self.vanishing())
        return hollow, factor if self.form in ("plain", "centred") else 1.0

    def recentre(self, vector: np.ndarray, samples: int, unit: float) -> float:
        """Take mean, ranks or median anew."""
        _FORMS[self.form](vector)
        return unit if self.form in ("plain", "centred") else 1.0

    def memory(self, samples: int) -> float:
        """Count the dissimilarities that are sorted."""
        return 8.0 * packing.hollow_length(samples) if self.form in ("ranks", "median") else 0.0

    @property
    def preparation(self) -> str:
        """Ranks are sorted."""
        return "n²p + n² log n" if self.form == "ranks" else "n²p"

    @property
    def accuracy(self) -> str:
        """Ranks of what is equal but for rounding must not depend on it."""
        return "dissimilarities within 2e-12 are tied" if self.form == "ranks" else ""

    def vanishing(self) -> str:
        """Say why the vector can be zero."""
        return f"the {self.kind} dissimilarities of its samples are all equal"


@dataclass(frozen=True)
class WhitenedDissimilarityProduct(InnerProduct):
    """The inner product of dissimilarities, whitened by their covariance under independent noise.

    Diedrichsen et al. 2021 (arXiv 2007.02789): for independent and equal noise of the samples
    that is the inner product of −½ H D H.

    Attributes:
        kind: of dissimilarity, one of `KINDS`.
        centred: whether the mean dissimilarity is taken off before.
    """

    is_hollow: ClassVar[bool] = False
    starts_from: ClassVar[frozenset[str]] = _STARTS
    kind: str
    centred: bool = False

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return the packed matrix H D H; its sign does not matter where all have it."""
        n = factors.samples
        packed = self.room(factors)
        factor = write_dissimilarities(factors, self.kind, packed[n:])
        if self.centred:
            _mean_taken_off(packed[n:])
        packed[:n] = 0.0
        packing.double_centre(packed, n)
        return packed, 0.5 * factor

    def recentre(self, vector: np.ndarray, samples: int, unit: float) -> float:
        """Go back to the dissimilarities, where their mean is to be taken off anew."""
        diagonal, hollow = vector[:samples], vector[samples:]
        if not self.centred:
            packing.recentre(vector, samples, is_hollow=False)
            return unit
        for i, row in packing.rows_above_diagonal(hollow, samples):
            row /= np.sqrt(2.0)
            row -= (diagonal[i] + diagonal[i + 1 :]) / 2.0
        _mean_taken_off(hollow)
        diagonal[:] = 0.0
        packing.double_centre(vector, samples)
        return unit


@dataclass(frozen=True)
class DissimilarityOrder(PairStatistic):
    """Kendall's τ-b of the dissimilarities of pairs of samples.

    Prepared: `vector` and `untied`, the share of pairs of dissimilarities that are not tied.

    Attributes:
        kind: of dissimilarity, one of `KINDS`.
    """

    selects: ClassVar[bool] = True
    starts_from: ClassVar[frozenset[str]] = _STARTS
    preparation: ClassVar[str] = "n²p + n² log n"
    accuracy: ClassVar[str] = "dissimilarities within 2e-12 are tied"
    layout: ClassVar[Mapping[str, str]] = {"vector": "hollow"}
    kind: str

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the dissimilarities; those that differ by rounding alone are tied."""
        hollow = np.empty(packing.hollow_length(factors.samples))
        write_dissimilarities(factors, self.kind, hollow)
        _round(hollow)
        prepared = self.restored({"vector": hollow}, factors.samples)
        if not prepared["untied"] > 0.0:
            raise factors.degenerate(
                f"the {self.kind} dissimilarities of its samples are all equal"
            )
        return prepared

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Count the ties."""
        m = len(gathered["vector"])
        ties = np.unique(gathered["vector"], return_counts=True)[1].astype(np.float64)
        untied = 1.0 - float(np.sum(ties * (ties - 1))) / (m * (m - 1))
        return {"vector": gathered["vector"], "untied": np.array(untied)}

    def memory(self, samples: int) -> float:
        """Count the copies that sorting and counting of discordant pairs takes."""
        return 12 * 8.0 * packing.hollow_length(samples)

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Compute τ-b."""
        return float(scipy.stats.kendalltau(left["vector"], right["vector"]).statistic)
