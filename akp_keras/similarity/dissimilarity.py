"""Representational dissimilarity matrices: the n(n − 1)/2 dissimilarities of pairs of samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats

from akp_keras.similarity.inner_product import InnerProduct, pack, pack_off_diagonal
from akp_keras.similarity.kernels import double_centred
from akp_keras.similarity.permutation_index import permute_packed
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import PairStatistic, Prepared

KINDS = ("correlation", "cosine", "euclidean", "squared_euclidean")


def dissimilarities(factors: Factors, kind: str) -> tuple[np.ndarray, float]:
    """The (n, n) dissimilarity matrix in units of a factor, and that factor.

    Args:
        factors: of the representation.
        kind: "correlation", one minus the Pearson correlation of two samples over features;
            "cosine", one minus their cosine; "euclidean"; or "squared_euclidean".
    """
    if kind == "correlation":
        return 1.0 - factors.row_correlations, 1.0
    if kind == "cosine":
        return 1.0 - factors.cosines, 1.0
    if kind == "euclidean":
        return factors.distances, factors.norm
    return factors.squared_distances, factors.norm * factors.norm


@dataclass(frozen=True)
class DissimilarityProduct(InnerProduct):
    """The inner product of what is made of the dissimilarities of pairs of samples.

    Attributes:
        kind: of dissimilarity, one of `KINDS`.
        form: "plain", as they are; "centred", minus their mean; "ranks", their ranks minus the
            mean rank; "median", divided by their median.
    """

    kind: str
    form: str = "plain"

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """(n(n − 1)/2,), by pairs of samples."""
        matrix, factor = dissimilarities(factors, self.kind)
        packed = pack_off_diagonal(matrix)
        if self.form == "centred":
            return packed - packed.mean(), factor
        if self.form == "ranks":
            ranks = scipy.stats.rankdata(packed)
            return (ranks - ranks.mean()).astype(factors.precision), 1.0
        if self.form == "median":
            median = float(np.median(packed))
            if not median > 0.0:
                raise factors.degenerate("the median of its dissimilarities is 0")
            return packed / median, 1.0
        return packed, factor

    def vanishing(self) -> str:
        """Why the vector can be zero."""
        return f"the {self.kind} dissimilarities of its samples are all equal"

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {**prepared, "vector": permute_packed(prepared["vector"], order, False)}


@dataclass(frozen=True)
class WhitenedDissimilarityProduct(InnerProduct):
    """The inner product of dissimilarities, whitened by their covariance under independent noise.

    Diedrichsen et al. 2021 (arXiv 2007.02789): for independent and equal noise of the samples
    that is the inner product of −½ H D H.

    Attributes:
        kind: of dissimilarity, one of `KINDS`.
        centred: whether the mean dissimilarity is taken off before.
    """

    kind: str
    centred: bool = False

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """The packed matrix −½ H D H."""
        matrix, factor = dissimilarities(factors, self.kind)
        if self.centred:
            n = len(matrix)
            matrix = matrix - matrix.sum() / (n * (n - 1))
            np.fill_diagonal(matrix, 0.0)
        return pack(-0.5 * double_centred(matrix)), factor

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {**prepared, "vector": permute_packed(prepared["vector"], order, True)}


@dataclass(frozen=True)
class DissimilarityOrder(PairStatistic):
    """Kendall's τ-b of the dissimilarities of pairs of samples.

    Prepared: `vector` and `untied`, the share of pairs of dissimilarities that are not tied.

    Attributes:
        kind: of dissimilarity, one of `KINDS`.
    """

    kind: str

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the ranks."""
        packed = pack_off_diagonal(dissimilarities(factors, self.kind)[0])
        m = len(packed)
        ties = np.unique(packed, return_counts=True)[1].astype(np.float64)
        untied = 1.0 - float(np.sum(ties * (ties - 1))) / (m * (m - 1))
        if not untied > 0.0:
            raise factors.degenerate(
                f"the {self.kind} dissimilarities of its samples are all equal"
            )
        return {"vector": packed, "untied": np.array(untied)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """τ-b."""
        return float(scipy.stats.kendalltau(left["vector"], right["vector"]).statistic)

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather."""
        return {**prepared, "vector": permute_packed(prepared["vector"], order, False)}
