"""The test of the principle: do families that generalise less lie further from the others?

The unit of replication is the family. With Ĝ the Gower matrix of the families' squared distances
and H the hat matrix of the trend of location (`akp_keras.dispersion.trend`), R = (I − H) Ĝ (I − H)
holds the inner products of the families' residuals, and

    z_f² = R_ff / (1 − h_ff)

estimates how far family f lies from what is usual at its generalisation. The statistic is
Spearman's correlation of z with generalisation: negative where families that generalise less lie
further out. Under the null the residuals, scaled by (1 − h)^(−½), are exchangeable: they are dealt
to the families anew, regressed on the trend again, and z is computed again. How far this keeps its
level is in docs/calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from akp_keras.dispersion.centroids import gower_matrix
from akp_keras.dispersion.rearrangements import among, rearrangements
from akp_keras.dispersion.trend import MOST_LEVERAGE, leverage


class Spread(Protocol):
    """How far each of k families is spread, and how far it would be under the null."""

    values: NDArray[np.float64]

    def permuted(self, orders: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (rows, k) spreads after the families are dealt anew, for (rows, k) orders."""


@dataclass(frozen=True)
class ResidualSpread:
    """Squared distances of families from the trend of location.

    Attributes:
        values: (k,) z², negative where distances are far from Hilbertian.
        residuals: (k, k) inner products of the scaled residuals.
        basis: (k, p) orthonormal basis of the trend.
    """

    values: NDArray[np.float64]
    residuals: NDArray[np.float64]
    basis: NDArray[np.float64]

    def permuted(self, orders: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return spreads of residuals dealt to families anew and regressed on the trend again."""
        basis = self.basis
        place = np.empty_like(orders)
        np.put_along_axis(place, orders, np.broadcast_to(np.arange(len(basis)), orders.shape), 1)
        # By residual rather than by place: the trend moves and the residuals stay.
        moved = basis[place]
        projected = (self.residuals @ moved.transpose(1, 0, 2).reshape(len(basis), -1)).reshape(
            len(basis), len(orders), -1
        )
        projected = projected.transpose(1, 0, 2)
        inner = moved.transpose(0, 2, 1) @ projected
        squared = (
            np.diagonal(self.residuals)
            - 2 * (moved * projected).sum(axis=2)
            + ((moved @ inner) * moved).sum(axis=2)
        )
        return np.take_along_axis(squared, orders, axis=1) / (1.0 - leverage(basis))


@dataclass(frozen=True)
class SeedSpread:
    """Variances of the seeds of families, which say nothing about location.

    Attributes:
        values: (k,) W.
    """

    values: NDArray[np.float64]

    def permuted(self, orders: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the variances, dealt to families anew."""
        return self.values[orders]


def residual_spread(squared: NDArray[np.float64], basis: NDArray[np.float64]) -> ResidualSpread:
    """Return how far families lie from the trend of location.

    Args:
        squared: (k, k) squared distances of families, zero on the diagonal.
        basis: (k, p) orthonormal basis of the trend, leverages below 1.

    Returns:
        The spread.
    """
    gram = gower_matrix(squared)
    gram = gram - basis @ (basis.T @ gram)
    gram = gram - (gram @ basis) @ basis.T
    scale = 1.0 / np.sqrt(np.maximum(1.0 - leverage(basis), 1.0 - MOST_LEVERAGE))
    scaled = gram * scale[:, None] * scale
    return ResidualSpread(np.diagonal(scaled).copy(), scaled, basis)


@dataclass(frozen=True)
class Hypothesis:
    """The hypothesis that spread has nothing to do with generalisation, over some of the families.

    Attributes:
        spread: of the families.
        scores: (s,) ranks of their generalisation, as `association.ranks_beyond_margin` has them.
        kept: (s,) increasing indices of these families among all.
    """

    spread: Spread
    scores: NDArray[np.float64]
    kept: NDArray[np.int64]


def permuted_correlations(
    hypotheses: Sequence[Hypothesis],
    families: int,
    permutations: int,
    rng: np.random.Generator,
    blocks: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return Spearman's correlations, observed and under permutations shared by all hypotheses.

    Args:
        hypotheses: L hypotheses about overlapping sets of families.
        families: k, the number of all families.
        permutations: B, the number of random permutations.
        rng: the source of permutations.
        blocks: (k,) the block of each family; families change places within their block only.

    Returns:
        (L, B + 1) float64 in [−1, 1], the observed first; 0 where spreads or scores do not vary.
    """
    correlations = np.empty((len(hypotheses), permutations + 1))
    for row, hypothesis in zip(correlations, hypotheses, strict=True):
        row[0] = rank_correlations(hypothesis.scores, hypothesis.spread.values[None])[0]
    position = 1
    # Three numbers for each family, permutation and column of the trend.
    for part in rearrangements(families, permutations, rng, blocks=blocks, numbers=16 * families):
        end = position + len(part)
        orders: dict[bytes, NDArray[np.int64]] = {}
        for row, hypothesis in zip(correlations, hypotheses, strict=True):
            key = hypothesis.kept.tobytes()
            if key not in orders:
                orders[key] = among(part, hypothesis.kept, blocks)
            permuted = hypothesis.spread.permuted(orders[key])
            row[position:end] = rank_correlations(hypothesis.scores, permuted)
        position = end
    return correlations


def rank_correlations(
    scores: NDArray[np.float64], squared: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Spearman's correlations of ranks of generalisation with squared spreads.

    Args:
        scores: (k,) ranks of generalisation, any scale.
        squared: (rows, k) squared spreads; negative ones count as 0.

    Returns:
        (rows,) float64 in [−1, 1]; 0 where scores or spreads do not vary.
    """
    values = np.maximum(squared, 0.0)
    largest = values.max(axis=1, keepdims=True)
    # Rounded, so that spreads that are equal by symmetry are ties.
    ranks = _ranks(np.round(values / np.where(largest > 0, largest, 1.0), 9))
    ranks -= ranks.mean(axis=1, keepdims=True)
    centred = scores - scores.mean()
    norms = np.linalg.norm(ranks, axis=1) * np.linalg.norm(centred)
    # Rounded, so that arrangements of equal correlation count as ties.
    return np.round(ranks @ centred / np.where(norms > 0, norms, 1.0), 12)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(values, axis=1)
    if (np.diff(np.take_along_axis(values, order, axis=1), axis=1) == 0).any():
        return rankdata(values, axis=1)
    ranks = np.empty_like(values)
    np.put_along_axis(ranks, order, np.arange(values.shape[1], dtype=np.float64)[None], axis=1)
    return ranks
