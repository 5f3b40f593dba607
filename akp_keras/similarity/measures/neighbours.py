"""Agreement of nearest neighbours.

A sample is never its own neighbour, also where others equal it: it is left out by its index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse

from akp_keras.similarity.arithmetic import product
from akp_keras.similarity.centring import uncentred
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.identifiers import Parameter
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.nearest_neighbours import METRICS, neighbours
from akp_keras.similarity.pair_distances import positive_norms
from akp_keras.similarity.statistic import PairStatistic, Prepared, Statistic, Tile, Value, plain

# Entries of a table of who neighbours whom.
_TABLE_ENTRIES = 2**24

_INVARIANCES = {
    "cosine": invariant_to("O S"),
    "euclidean": invariant_to("O S T"),
    "inner": invariant_to("O S"),
}


@dataclass(frozen=True)
class Neighbours(Statistic):
    """A statistic of the nearest neighbours alone.

    Prepared: `neighbours`, (n, k) int32, nearest first.
    """

    starts_from: ClassVar[frozenset[str]] = frozenset({"features", "dissimilarities"})
    preparation: ClassVar[str] = "n²p"
    accuracy: ClassVar[str] = "distances within 1e-10 are tied"
    layout: ClassVar[Mapping[str, str]] = {"neighbours": "neighbours"}
    k: int
    metric: str

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the neighbours."""
        return {"neighbours": neighbours(factors, self.k, self.metric)}


def _ranks(neighbours: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return (n, l) the ranks, from 1, of (n, l) samples among (n, k) neighbours; 0 of others."""
    n, k = neighbours.shape
    height = max(1, min(n, _TABLE_ENTRIES // n))
    table = np.zeros((height, n), dtype=np.min_scalar_type(k))
    ranks = np.empty(others.shape, dtype=np.int64)
    for start in range(0, n, height):
        own = neighbours[start : start + height]
        rows = np.arange(len(own))[:, None]
        table[rows, own] = np.arange(1, k + 1)
        ranks[start : start + len(own)] = table[rows, others[start : start + len(own)]]
        table[rows, own] = 0
    return ranks


@dataclass(frozen=True)
class Overlap(Neighbours):
    """How many of the k neighbours of a sample are the same: shares of samples by that number.

    The statistic is (L, R, k + 1): the share of samples with 0, 1, … k common neighbours.
    """

    tile: ClassVar[int] = 64

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Read for each left representation one table of who neighbours whom for all right."""
        lefts, rights = np.asarray(left["neighbours"]), np.asarray(right["neighbours"])
        n, k = lefts.shape[1:]
        height = max(1, min(n, _TABLE_ENTRIES // n))
        counts = np.zeros((len(lefts), len(rights), k + 1), dtype=np.int64)
        table = np.zeros((height, n), dtype=np.uint8)
        for start in range(0, n, height):
            samples = slice(start, start + height)
            rows = np.arange(len(lefts[0, samples]))[:, None]
            for i, own in enumerate(lefts[:, samples]):
                table[rows, own] = 1
                for j in range(i if right is left else 0, len(rights)):
                    common = table[rows, rights[j, samples]].sum(axis=1, dtype=np.int64)
                    counts[i, j] += np.bincount(common, minlength=k + 1)
                table[rows, own] = 0
        return counts / n


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
        """Compute as Wang et al. 2022, with ranks from 1."""
        first = _ranks(left["neighbours"], right["neighbours"]).astype(np.float64)
        k = first.shape[1]
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
        """Take two steps, and count whether the second leads back."""
        twice = left["neighbours"][right["neighbours"]]
        back = twice == np.arange(len(twice))[:, None, None]
        return float(back.any(axis=(1, 2)).mean())


@dataclass(frozen=True)
class Sequences(PairStatistic, Neighbours):
    """Neighbours nearest first as sequences: (longest common subsequence, 1 − edit distance) / k.

    Both are means over samples; the edit distance counts insertions, deletions and substitutions.
    """

    def pair(self, left: Prepared, right: Prepared) -> np.ndarray:
        """Solve by dynamic programming over both sequences, for all samples at once."""
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

    preparation: ClassVar[str] = "n²p"
    accuracy: ClassVar[str] = "distances within 1e-10 are tied"
    layout: ClassVar[Mapping[str, str]] = {"neighbours": "neighbours", "cosines": "square"}
    k: int

    def memory(self, samples: int) -> float:
        """Count the cosines of two representations, and a copy."""
        return 3 * 8.0 * samples**2

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the neighbours and the cosines."""
        nearest = neighbours(factors, self.k, "cosine")
        rows = uncentred(factors)[0] / positive_norms(factors)[:, None]
        return {"neighbours": nearest, "cosines": np.clip(product(rows, rows.T), -1.0, 1.0)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Look at the union of both sets of neighbours."""
        rows = np.arange(len(left["neighbours"]))[:, None]
        is_new = _ranks(left["neighbours"], right["neighbours"]) == 0
        products, squares = 0.0, np.zeros((2, len(rows)))
        for columns, weight in ((left["neighbours"], 1.0), (right["neighbours"], is_new)):
            x, y = left["cosines"][rows, columns], right["cosines"][rows, columns]
            products = products + (x * y * weight).sum(axis=1)
            squares += np.stack([(x * x * weight).sum(axis=1), (y * y * weight).sum(axis=1)])
        norms = np.sqrt(squares[0] * squares[1])
        return float(np.mean(products / norms)) if norms.all() else float("nan")


@dataclass(frozen=True)
class NeighbourAlignment(PairStatistic):
    """Unbiased kernel alignment restricted to common neighbours, as its authors compute it.

    Prepared: `neighbours`; `products`, (n, k) X Xᵀ without centring at these, the largest of them
    1; `own`, the alignment with itself.
    """

    symmetric: ClassVar[bool] = False
    is_exact: ClassVar[bool] = True
    preparation: ClassVar[str] = "n²p"
    accuracy: ClassVar[str] = "products within 1e-14 are tied"
    layout: ClassVar[Mapping[str, str]] = {"neighbours": "neighbours", "products": "rows"}
    k: int

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the products with the neighbours."""
        nearest = neighbours(factors, self.k, "inner")
        rows = uncentred(factors)[0]
        products = np.empty(nearest.shape)
        for place in range(self.k):
            products[:, place] = np.einsum("ij,ij->i", rows, rows[nearest[:, place]])
        largest = np.abs(products).max()
        if largest > 0.0:
            products /= largest
        matrix = _sparse(nearest, products)
        own = _unbiased_product(matrix, matrix)
        if not own > 0.0:
            raise factors.degenerate("its alignment with itself on its neighbours is not positive")
        return {"neighbours": nearest, "products": products, "own": np.array(own)}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Compute HSIC₁(M∘K, M∘L), normalised by each one's own."""
        common = _ranks(left["neighbours"], right["neighbours"])
        rows, places = np.nonzero(common)
        columns = right["neighbours"][rows, places]
        shape = (len(common), len(common))
        x = left["products"][rows, common[rows, places] - 1]
        y = right["products"][rows, places]
        k, m = (scipy.sparse.csr_array((v, (rows, columns)), shape=shape) for v in (x, y))
        return _unbiased_product(k, m) / float(np.sqrt(left["own"]) * np.sqrt(right["own"]))


def _sparse(neighbours: np.ndarray, values: np.ndarray) -> scipy.sparse.csr_array:
    n, k = neighbours.shape
    rows = np.repeat(np.arange(n), k)
    return scipy.sparse.csr_array((values.ravel(), (rows, neighbours.ravel())), shape=(n, n))


def _unbiased_product(k: scipy.sparse.csr_array, m: scipy.sparse.csr_array) -> float:
    """Compute n(n − 3) HSIC₁ of two matrices with zero diagonals, which need not be symmetric."""
    n = k.shape[0]
    trace = float(k.multiply(m.T).sum())
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
        "a sample is orthogonal to all its neighbours, so it has no cosine",
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
            cost="nk",
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
_METRIC = Parameter("metric", "cosine", choices=METRICS)
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
