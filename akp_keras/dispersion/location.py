"""Location, kept apart from dispersion: do models that generalise less lie elsewhere?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.association import ranks_beyond_margin
from akp_keras.dispersion.centroids import squared_distances_to_centroids
from akp_keras.dispersion.rearrangements import rearrangements
from akp_keras.dispersion.residual_test import rank_correlations


@dataclass(frozen=True)
class Location:
    """Distances of models to the centroid of the happy families, against generalisation.

    Attributes:
        statistic: Spearman's ρ over families of their mean generalisation and their members' mean
            squared distance to the centroid of the happy families, their own left out; negative:
            what generalises less lies further away. None where it cannot be computed.
        pvalue: two-sided, families permuted as blocks; None with the statistic.
        within_statistic: correlation over members of generalisation and distance, both less their
            family's mean; None where members' generalisation is not known or does not vary.
        within_pvalue: two-sided, members permuted within their family; None with its statistic.
        distance: mean distance of each family's members to that centroid, in the unit of the
            distances; None where there is no other happy family.
    """

    statistic: float | None
    pvalue: float | None
    within_statistic: float | None
    within_pvalue: float | None
    distance: Mapping[str, float | None]


def locate(
    squared: NDArray[np.float64],
    sizes: Mapping[str, int],
    generalisation: Sequence[float],
    happy: Sequence[str],
    permutations: int,
    rng: np.random.Generator,
) -> Location:
    """Hold the distance to the happy families against generalisation.

    Args:
        squared: (M, M) squared distances, members of a family next to each other.
        sizes: number of members of each family, in order, summing to M.
        generalisation: M values of the members.
        happy: families that generalise as well as the control.
        permutations: number of random permutations.
        rng: the source of permutations.

    Returns:
        The two correlations.
    """
    names, counts = list(sizes), np.array(list(sizes.values()))
    own = np.repeat(np.arange(len(names)), counts)
    others = np.array([[name in happy and name != family for name in names] for family in names])
    reachable = others.any(axis=1)
    # Every happy family weighs alike, whatever its number of members.
    shares = others / np.maximum(others.sum(axis=1, keepdims=True), 1)
    weights = (shares / counts)[:, own]
    to_happy = squared_distances_to_centroids(squared, weights)[np.arange(len(own)), own]
    to_happy = np.maximum(to_happy, 0.0)
    values = np.asarray(generalisation)
    mean_squared = np.bincount(own, to_happy) / counts
    means = np.bincount(own, values) / counts
    statistic, pvalue = _across(mean_squared[reachable], means[reachable], permutations, rng)
    known = reachable[own]
    within = _within(np.sqrt(to_happy[known]), values[known], own[known], permutations, rng)
    distance = np.sqrt(mean_squared)
    return Location(
        statistic,
        pvalue,
        *within,
        {
            name: float(distance[place]) if reachable[place] else None
            for place, name in enumerate(names)
        },
    )


def _across(
    squared: NDArray[np.float64],
    means: NDArray[np.float64],
    permutations: int,
    rng: np.random.Generator,
) -> tuple[float | None, float | None]:
    if len(means) < 3 or np.ptp(means) == 0 or np.ptp(squared) == 0:
        return None, None
    scores = ranks_beyond_margin(means, 0.0)
    dealt = [squared[None]]
    dealt.extend(squared[part] for part in rearrangements(len(means), permutations, rng))
    return _two_sided(np.concatenate([rank_correlations(scores, rows) for rows in dealt]))


def _within(
    distances: NDArray[np.float64],
    values: NDArray[np.float64],
    own: NDArray[np.int64],
    permutations: int,
    rng: np.random.Generator,
) -> tuple[float | None, float | None]:
    counts = np.maximum(np.bincount(own), 1)

    def centred(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        return numbers - (np.bincount(own, numbers) / counts)[own]

    deviations, offsets = centred(values), centred(distances)
    norm = np.linalg.norm(deviations) * np.linalg.norm(offsets)
    if norm <= 1e-12 * max(np.linalg.norm(values) * np.linalg.norm(distances), 1e-300):
        return None, None
    dealt = [offsets[None]]
    dealt.extend(offsets[part] for part in rearrangements(len(own), permutations, rng, blocks=own))
    return _two_sided(np.concatenate([rows @ deviations for rows in dealt]) / norm)


def _two_sided(correlations: NDArray[np.float64]) -> tuple[float, float]:
    magnitudes = np.round(np.abs(correlations), 12)
    return float(correlations[0]), float(np.mean(magnitudes >= magnitudes[0]))
