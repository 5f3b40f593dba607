"""Agreement of nearest neighbours.

A sample is never its own neighbour, also where others equal it: it is left out by its index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.registry import Measure, Template
from akp_keras.similarity.statistic import PairStatistic, Prepared, Statistic, Tile, Value, plain

_INVARIANCES = {
    "cosine": invariant_to("O S"),
    "euclidean": invariant_to("O S T"),
    "inner": invariant_to("O S"),
}


def _relabelled(neighbours: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Neighbours of the samples in another order, by their new positions."""
    position = np.empty(len(order), dtype=neighbours.dtype)
    position[order] = np.arange(len(order), dtype=neighbours.dtype)
    return position[neighbours[order]]


@dataclass(frozen=True)
class Neighbours(Statistic):
    """A statistic of the nearest neighbours alone.

    Prepared: `neighbours`, (n, k) int32, nearest first.
    """

    k: int
    metric: str

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the neighbours."""
        return {"neighbours": factors.neighbours(self.k, self.metric)}

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather, and new names of the neighbours."""
        return {"neighbours": _relabelled(prepared["neighbours"], order)}


@dataclass(frozen=True)
class Overlap(Neighbours):
    """How many of the k neighbours of a sample are the same: shares of samples by that number.

    The statistic is (L, R, k + 1): the share of samples with 0, 1, … k common neighbours.
    """

    tile: ClassVar[int] = 64

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """For each left representation one table of who neighbours whom, read for all right."""
        lefts, rights = np.asarray(left["neighbours"]), np.asarray(right["neighbours"])
        n, k = lefts.shape[1:]
        rows = np.arange(n)[:, None]
        shares = np.zeros((len(lefts), len(rights), k + 1))
        table = np.zeros((n, n), dtype=np.uint8)
        for i, neighbours in enumerate(lefts):
            table[rows, neighbours] = 1
            for j in range(i if right is left else 0, len(rights)):
                common = table[rows, rights[j]].sum(axis=1, dtype=np.int64)
                shares[i, j] = np.bincount(common, minlength=k + 1) / n
            table[rows, neighbours] = 0
        return shares


def _mutual(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    k = statistic.shape[-1] - 1
    return statistic @ (np.arange(k + 1) / k)


def _jaccard(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    k = statistic.shape[-1] - 1
    common = np.arange(k + 1)
    return statistic @ (common / (2 * k - common))


@dataclass(frozen=True)
class Ranks(PairStatistic, Neighbours):
    """Agreement of the ranks of common neighbours, and its product with the Jaccard index.

    The statistic is (rank similarity, joint), means over samples.
    """

    def pair(self, left: Prepared, right: Prepared) -> np.ndarray:
        """Wang et al. 2022, with ranks from 1."""
        a, b = left["neighbours"], right["neighbours"]
        n, k = a.shape
        rank_in_a = np.zeros((n, n), dtype=np.int32)
        rank_in_a[np.arange(n)[:, None], a] = np.arange(1, k + 1)
        first = rank_in_a[np.arange(n)[:, None], b].astype(np.float64)
        second = np.arange(1, k + 1)[None, :]
        terms = np.where(
            first > 0, 2.0 / ((1.0 + np.abs(first - second)) * (first + second)), 0.0
        ).sum(axis=1)
        common = (first > 0).sum(axis=1)
        harmonic = np.concatenate([[1.0], np.cumsum(1.0 / np.arange(1, k + 1))])
        similarity = terms / harmonic[common]
        jaccard = common / (2 * k - common)
        return np.array([similarity.mean(), (similarity * jaccard).mean()])


def _first(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return statistic[..., 0]


def _second(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return statistic[..., 1]


@dataclass(frozen=True)
class Cycle(PairStatistic, Neighbours):
    """The share of samples that are a neighbour in X of one of their neighbours in Y."""

    symmetric: ClassVar[bool] = False

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Two steps, and whether the second leads back."""
        twice = left["neighbours"][right["neighbours"]]
        back = twice == np.arange(len(twice))[:, None, None]
        return float(back.any(axis=(1, 2)).mean())


@dataclass(frozen=True)
class Sequences(PairStatistic, Neighbours):
    """Neighbours nearest first as sequences: (longest common subsequence, 1 − edit distance) / k.

    Both are means over samples; the edit distance counts insertions, deletions and substitutions.
    """

    def pair(self, left: Prepared, right: Prepared) -> np.ndarray:
        """By dynamic programming over both sequences, for all samples at once."""
        a, b = left["neighbours"], right["neighbours"]
        n, k = a.shape
        longest = np.zeros((k + 1, n), dtype=np.int32)
        edits = np.repeat(np.arange(k + 1, dtype=np.int32)[:, None], n, axis=1)
        for i in range(1, k + 1):
            previous_longest, previous_edits = longest.copy(), edits.copy()
            edits[0] = i
            for j in range(1, k + 1):
                same = a[:, i - 1] == b[:, j - 1]
                longest[j] = np.where(
                    same,
                    previous_longest[j - 1] + 1,
                    np.maximum(previous_longest[j], longest[j - 1]),
                )
                edits[j] = np.minimum(
                    previous_edits[j - 1] + ~same, np.minimum(previous_edits[j], edits[j - 1]) + 1
                )
        return np.array([longest[k].mean() / k, 1.0 - edits[k].mean() / k])


@dataclass(frozen=True)
class SecondOrder(PairStatistic):
    """mean_i of the cosine of sample i's similarities to its neighbours in X or in Y."""

    k: int

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the neighbours and the cosines."""
        return {"neighbours": factors.neighbours(self.k, "cosine"), "cosines": factors.cosines}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Over the union of both sets of neighbours."""
        n = len(left["neighbours"])
        rows = np.arange(n)[:, None]
        union = np.zeros((n, n), dtype=bool)
        union[rows, left["neighbours"]] = True
        new = ~union[rows, right["neighbours"]]
        products = np.zeros(n)
        squares = np.zeros((2, n))
        for columns, weight in ((left["neighbours"], 1.0), (right["neighbours"], new)):
            x, y = left["cosines"][rows, columns], right["cosines"][rows, columns]
            products += (x * y * weight).sum(axis=1)
            squares += np.stack([(x * x * weight).sum(axis=1), (y * y * weight).sum(axis=1)])
        norms = np.sqrt(squares[0] * squares[1])
        if not norms.all():
            raise ValueError("a sample is orthogonal to all its neighbours, so it has no cosine")
        return float(np.mean(products / norms))

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather, and new names of the neighbours."""
        return {
            "neighbours": _relabelled(prepared["neighbours"], order),
            "cosines": prepared["cosines"][np.ix_(order, order)],
        }


@dataclass(frozen=True)
class NeighbourAlignment(PairStatistic):
    """Unbiased kernel alignment restricted to common neighbours, as its authors compute it.

    Prepared: `gram`, X Xᵀ without centring, its largest entry for neighbours 1; `mask`, who
    neighbours whom; `own`, the alignment with itself.
    """

    symmetric: ClassVar[bool] = False
    k: int

    def prepare(self, factors: Factors) -> Prepared:
        """Keeps the Gram matrix and the mask."""
        raw = factors.raw[0]
        n = factors.samples
        mask = np.zeros((n, n), dtype=bool)
        mask[np.arange(n)[:, None], factors.neighbours(self.k, "inner")] = True
        gram = raw @ raw.T
        largest = np.abs(gram[mask]).max()
        if largest > 0.0:
            gram /= largest
        own = _unbiased_product(np.where(mask, gram, 0.0), np.where(mask, gram, 0.0))
        if not own > 0.0:
            raise factors.degenerate("its alignment with itself on its neighbours is not positive")
        return {"gram": gram, "mask": mask, "own": np.array(own)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """HSIC₁(M∘K, M∘L), normalised by each one's own."""
        mask = left["mask"] & right["mask"]
        product = _unbiased_product(
            np.where(mask, left["gram"], 0.0), np.where(mask, right["gram"], 0.0)
        )
        return product / float(np.sqrt(left["own"]) * np.sqrt(right["own"]))

    def permute(self, prepared: Prepared, order: np.ndarray) -> Prepared:
        """One gather a matrix."""
        both = np.ix_(order, order)
        return {**prepared, "gram": prepared["gram"][both], "mask": prepared["mask"][both]}


def _unbiased_product(k: np.ndarray, m: np.ndarray) -> float:
    """n(n − 3) HSIC₁ of two matrices with zero diagonals, which need not be symmetric."""
    n = len(k)
    trace = float(np.vdot(k, m.T))
    totals = float(k.sum()) * float(m.sum()) / ((n - 1) * (n - 2))
    crossed = float(k.sum(axis=0) @ m.sum(axis=1))
    return trace + totals - 2.0 * crossed / (n - 2)


@dataclass(frozen=True)
class _Family:
    """A measure with the parameters k and metric."""

    title: str
    formula: str
    reference: str
    cost: str
    statistic: Callable[[int, str], Statistic]
    value: Value
    symmetric: bool = True
    complement: bool = False
    self_value: float | None = 1.0

    def __call__(self, k: int, metric: str) -> Measure:
        return Measure(
            Declaration(
                title=self.title,
                formula=self.formula,
                reference=self.reference,
                cost=self.cost,
                larger_is_more_similar=True,
                range=(0.0, 1.0),
                invariances=_INVARIANCES[metric],
                symmetric=self.symmetric,
                distances=("complement",) if self.complement else (),
                metric=self.complement,
                self_value=self.self_value,
                min_samples=k + 1,
            ),
            self.statistic(k, metric),
            self.value,
        )


def _second_order(k: int) -> Measure:
    return Measure(
        Declaration(
            title="Second-order cosine similarity",
            formula="mean_i cos(s_i[U], s′_i[U]), s_i the cosines of sample i, U = A_i ∪ B_i",
            reference="Hamilton, Leskovec and Jurafsky 2016, arXiv 1605.09096",
            cost="nk",
            larger_is_more_similar=True,
            range=(-1.0, 1.0),
            invariances=invariant_to("O S"),
            self_value=1.0,
            min_samples=k + 1,
        ),
        SecondOrder(k),
        plain,
    )


def _cknna(k: int) -> Measure:
    return Measure(
        Declaration(
            title="Centred kernel nearest-neighbour alignment (CKNNA)",
            formula=(
                "HSIC₁(M∘K, M∘L) / √(HSIC₁(M_X∘K, M_X∘K) HSIC₁(M_Y∘L, M_Y∘L)), K = XXᵀ, "
                "M = M_X ∧ M_Y"
            ),
            reference="Huh et al. 2024, arXiv 2405.07987, appendix A",
            cost="n²",
            larger_is_more_similar=True,
            range=(-np.inf, np.inf),
            invariances=invariant_to("O S"),
            # Masked Gram matrices are not symmetric, so 1ᵀK̃L̃1 is not 1ᵀL̃K̃1.
            symmetric=False,
            self_value=1.0,
            min_samples=max(4, k + 1),
        ),
        NeighbourAlignment(k),
        plain,
    )


_K = Parameter("k", 10, minimum=1)
_METRIC = Parameter("metric", "cosine", choices=("cosine", "euclidean", "inner"))
_HUH = "Huh et al. 2024, arXiv 2405.07987"
_WANG = "Wang et al. 2022, arXiv 2005.12398"

_FAMILIES = {
    "knn.jaccard": _Family(
        "Jaccard index of nearest neighbours",
        "mean_i |A_i ∩ B_i| / |A_i ∪ B_i|",
        _WANG,
        "nk",
        Overlap,
        _jaccard,
        complement=True,
    ),
    "knn.mutual": _Family(
        "Mutual nearest neighbours",
        "mean_i |A_i ∩ B_i| / k",
        _HUH + ", appendix A",
        "nk",
        Overlap,
        _mutual,
        complement=True,
    ),
    "knn.rank": _Family(
        "Rank similarity of nearest neighbours",
        "mean_i Σ_{j ∈ A∩B} 2/((1 + |r − r′|)(r + r′)) / H_{|A∩B|}, 0 without common neighbours",
        _WANG,
        "nk",
        Ranks,
        _first,
    ),
    "knn.rank_jaccard": _Family(
        "Joint rank and Jaccard similarity",
        "mean_i of the product of rank similarity and Jaccard index",
        _WANG,
        "nk",
        Ranks,
        _second,
    ),
    "knn.cycle": _Family(
        "Cycle of nearest neighbours",
        "share of i with i ∈ A_j for some j ∈ B_i, A neighbours in X and B in Y",
        _HUH + ", code",
        "nk²",
        Cycle,
        plain,
        symmetric=False,
        self_value=None,
    ),
    "knn.common_subsequence": _Family(
        "Longest common subsequence of nearest neighbours",
        "mean_i LCS(A_i, B_i) / k, neighbours nearest first",
        _HUH + ", code",
        "nk²",
        Sequences,
        _first,
    ),
    "knn.edit": _Family(
        "Edit similarity of nearest neighbours",
        "1 − mean_i Levenshtein(A_i, B_i) / k, neighbours nearest first",
        _HUH + ", code",
        "nk²",
        Sequences,
        _second,
    ),
}

MEASURES = (
    *(Template(name, family, (_K, _METRIC)) for name, family in _FAMILIES.items()),
    Template("knn.second_order_cosine", _second_order, (_K,)),
    Template("knn.cknna", _cknna, (_K,)),
)
