"""Alignment by permutations and rotations, and matching of single features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.optimize
import scipy.sparse

from akp_keras.similarity.centring import centred_and_scaled, norm, standardised, unit
from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.inner_product import difference
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.pair_distances import positive_norms
from akp_keras.similarity.spectrum import uncentred_svd
from akp_keras.similarity.statistic import (
    PairStatistic,
    Prepared,
    Tile,
    Value,
    cosine,
)

# Up to this size an optimal transport between unequal widths is an assignment of copies.
_LARGEST_ASSIGNMENT = 1500


@dataclass(frozen=True)
class PermutationAlignment(PairStatistic):
    """max_π tr(X_πᵀY) / (‖Xc‖_F ‖Yc‖_F) over one-to-one matchings of features.

    Of different widths, every feature of the narrower one is matched.
    """

    tile: ClassVar[int] = 8
    selects: ClassVar[bool] = True
    layout: ClassVar[Mapping[str, str]] = {"features": "rows"}

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the centred features."""
        return {"features": unit(factors), "size": np.array(norm(factors))}

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Centre the features anew, and divides them by their norm."""
        features, length = centred_and_scaled(gathered["features"])
        return {"features": features, "size": gathered["size"] * length}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Solve a linear assignment."""
        return assigned_total(left["features"].T @ right["features"])


def assigned_total(gains: np.ndarray) -> float:
    """Return the largest total of a (p, q) matrix over one-to-one matchings of min(p, q) pairs."""
    rows, columns = scipy.optimize.linear_sum_assignment(gains, maximize=True)
    return float(gains[rows, columns].sum())


@dataclass(frozen=True)
class AlignedCosine(PairStatistic):
    """mean_i cos(xᵢR, yᵢ), R the rotation that aligns X to Y best, without centring."""

    is_exact: ClassVar[bool] = True
    preparation: ClassVar[str] = "np · min(n, p)"
    selects: ClassVar[bool] = True
    layout: ClassVar[Mapping[str, str]] = {"factor": "rows", "norms": "rows"}

    def prepare(self, factors: Factors) -> Prepared:
        """Keep a factor of rank many columns, and the samples' norms."""
        left, values = uncentred_svd(factors)
        norms = positive_norms(factors)
        directions = left * values / norms[:, None]
        lengths = np.linalg.norm(directions, axis=1)
        least = int(np.argmin(lengths))
        if lengths[least] < 0.9:
            raise factors.degenerate(
                f"sample {least} is smaller than sample {int(np.argmax(norms))} by more than the "
                "digits of a rotation hold"
            )
        return {"factor": directions, "norms": norms}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Take one singular value decomposition."""
        x, y = left["factor"], right["factor"]
        u, _, vt = np.linalg.svd(
            (x * left["norms"][:, None]).T @ (y * right["norms"][:, None]), full_matrices=False
        )
        return float(np.mean(np.einsum("ij,ij->i", (x @ u) @ vt, y)))


@dataclass(frozen=True)
class FeatureMatching(PairStatistic):
    """Matchings of features by their Pearson correlations over samples.

    The statistic is (hard, best, transport): the mean correlation of the best one-to-one matching
    of min(p, q) features; the mean of every feature's best correlation, averaged over both
    sides; and the mean correlation under the best transport of equal weights. Features that never
    change are left out.

    Attributes:
        kind: which of the three.
    """

    selects: ClassVar[bool] = True
    layout: ClassVar[Mapping[str, str]] = {"features": "rows"}
    kind: str

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the standardised features."""
        return {"features": standardised(factors)}

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Standardise the features anew, without those that no longer change."""
        centred = gathered["features"] - gathered["features"].mean(axis=0)
        norms = np.linalg.norm(centred, axis=0)
        return {"features": centred[:, norms > 1e-12] / norms[norms > 1e-12]}

    def pair(self, left: Prepared, right: Prepared) -> float:
        """Match by the p × q correlations."""
        correlations = left["features"].T @ right["features"]
        if self.kind == "hard":
            return assigned_total(correlations) / min(correlations.shape)
        if self.kind == "best":
            best = correlations.max(axis=1).mean() + correlations.max(axis=0).mean()
            return float(best / 2.0)
        return transported_mean(correlations)


def transported_mean(gains: np.ndarray) -> float:
    """Return max_T ⟨T, gains⟩ over T ≥ 0 whose rows sum to 1/p and columns to 1/q.

    Exact: an assignment of copies of rows and columns where their least common multiple is small,
    a linear program otherwise.
    """
    p, q = gains.shape
    copies = math.lcm(p, q)
    if copies <= _LARGEST_ASSIGNMENT:
        repeated = np.repeat(np.repeat(gains, copies // p, axis=0), copies // q, axis=1)
        return assigned_total(repeated) / copies
    rows = scipy.sparse.kron(scipy.sparse.eye(p), np.ones((1, q)))
    columns = scipy.sparse.kron(np.ones((1, p)), scipy.sparse.eye(q))
    solution = scipy.optimize.linprog(
        -gains.ravel(),
        A_eq=scipy.sparse.vstack([rows, columns]).tocsr(),
        b_eq=np.concatenate([np.full(p, 1.0 / p), np.full(q, 1.0 / q)]),
        bounds=(0.0, None),
        method="highs",
    )
    if not solution.success:
        raise ArithmeticError(f"optimal transport of {p} × {q} features failed: {solution.message}")
    return float(-solution.fun)


def _angle(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.arccos(np.clip(table, -1.0, 1.0))


def _permutation(angular: bool) -> Measure:
    return Measure(
        Declaration(
            title="Permutation Procrustes " + ("angle" if angular else "distance"),
            formula=(
                "min_π arccos(tr X_πᵀY / (‖Xc‖_F ‖Yc‖_F))"
                if angular
                else "min_π ‖X_π − Yc‖_F, π a reordering of the features of Xc"
            ),
            reference="Williams et al. 2021, arXiv 2110.14739, section 2.2 (permutations)",
            cost="npq + p³",
            larger_is_more_similar=False,
            range=(0.0, math.pi if angular else math.inf),
            invariances=invariant_to("S P T" if angular else "P T"),
            distances=("itself",),
            metric=True,
            self_value=0.0,
        ),
        PermutationAlignment(),
        _angle if angular else difference,
    )


def _similarity(
    title: str,
    formula: str,
    reference: str,
    cost: str,
    invariances: str,
    statistic: PairStatistic,
    value: Value = cosine,
) -> Measure:
    return Measure(
        Declaration(
            title=title,
            formula=formula,
            reference=reference,
            cost=cost,
            larger_is_more_similar=True,
            range=(-1.0, 1.0),
            invariances=invariant_to(invariances),
            self_value=1.0,
        ),
        statistic,
        value,
    )


_LI = "Li et al. 2015, arXiv 1511.07543"

MEASURES = (
    Template("procrustes.permutation", lambda: _permutation(angular=False)),
    Template("procrustes.permutation.angular", lambda: _permutation(angular=True)),
    Template(
        "procrustes.aligned_cosine",
        lambda: _similarity(
            "Aligned cosine",
            "mean_i cos(xᵢR, yᵢ), R the rotation that minimises ‖XR − Y‖_F, without centring",
            "Hamilton et al. 2016, arXiv 1605.09096",
            "nr² + r³",
            "O S",
            AlignedCosine(),
        ),
    ),
    Template(
        "matching.hard",
        lambda: _similarity(
            "Hard correlation matching",
            "mean Pearson correlation of features under the best one-to-one matching",
            _LI + ", section 3.2",
            "npq + p³",
            "S P T",
            FeatureMatching("hard"),
        ),
    ),
    Template(
        "matching.best",
        lambda: _similarity(
            "Best correlation of every feature (soft matching by maximum)",
            "½(mean_i max_j c_ij + mean_j max_i c_ij), c the Pearson correlations of features",
            _LI + ", section 3.3",
            "npq",
            "S P T",
            FeatureMatching("best"),
        ),
    ),
    Template(
        "matching.transport",
        lambda: _similarity(
            "Soft matching by optimal transport",
            "max_T ⟨T, c⟩, T ≥ 0 with rows summing to 1/p and columns to 1/q",
            "Khosla and Williams 2024, arXiv 2311.09466",
            "npq + transport",
            "S P T",
            FeatureMatching("transport"),
        ),
    ),
)
