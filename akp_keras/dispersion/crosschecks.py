"""scikit-bio's PERMDISP and PERMANOVA, to be read beside the calibrated test.

They permute the members' labels as they are, so their p-values are not calibrated on unbalanced
families that lie far apart; PERMANOVA answers another question, whether families lie in different
places.

scikit-bio's PERMDISP leaves imaginary coordinates out, where Anderson (2006) and vegan subtract
them, counts single members as families without dispersion, and makes an F of rounding where all
distances to centroids are equal. It is asked only where it says the same as they do.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.centroids import (
    MOST_IMAGINARY,
    imaginary_share,
    squared_distances_to_centroid,
)


@dataclass(frozen=True)
class CrossCheck:
    """One of scikit-bio's tests.

    Attributes:
        statistic: F (PERMDISP, distances to centroids, not adjusted) or pseudo-F (PERMANOVA);
            None where it is not finite.
        pvalue: its permutation p-value.
        permutations: number of permutations it used.
    """

    statistic: float | None
    pvalue: float | None
    permutations: int


def permdisp(
    distances: NDArray[np.float64], families: Sequence[str], permutations: int, seed: int
) -> CrossCheck | None:
    """Return PERMDISP (Anderson, Biometrics 62, 2006) about centroids, by scikit-bio.

    Args:
        distances: (M, M) distances.
        families: M names of families; those of a single member are left out.
        permutations: number of permutations of labels.
        seed: seed of the permutations.

    Returns:
        F and p, both None where the distances to centroids do not vary; None where fewer than
        two families have two members, none has three (F would be infinite), or the distances are
        not Hilbertian (an imaginary share above 0.01).
    """
    several = np.flatnonzero([list(families).count(family) > 1 for family in families])
    distances = distances[np.ix_(several, several)]
    families = [families[member] for member in several]
    sizes = {family: families.count(family) for family in families}
    if len(sizes) < 2 or max(sizes.values()) < 3 or imaginary_share(distances**2) > MOST_IMAGINARY:
        return None
    if _all_equal(distances**2, families):
        return CrossCheck(None, None, permutations)
    from skbio.stats.distance import permdisp

    with warnings.catch_warnings():
        # Eigenvalues that are negative by rounding are warned about.
        warnings.simplefilter("ignore")
        return _crosscheck(
            permdisp(
                _distance_matrix(distances),
                families,
                test="centroid",
                permutations=permutations,
                dimensions=len(distances),
                seed=seed,
            ),
            permutations,
        )


def permanova(
    distances: NDArray[np.float64], families: Sequence[str], permutations: int, seed: int
) -> CrossCheck | None:
    """Return PERMANOVA (Anderson, Austral Ecology 26, 2001), by scikit-bio.

    Args:
        distances: (M, M) distances.
        families: M names of families.
        permutations: number of permutations of labels.
        seed: seed of the permutations.

    Returns:
        Pseudo-F and p; None where no family has two members.
    """
    if not 2 <= len(set(families)) < len(families):
        return None
    from skbio.stats.distance import permanova

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _crosscheck(
            permanova(
                _distance_matrix(distances),
                list(families),
                permutations=permutations,
                seed=seed,
            ),
            permutations,
        )


def _all_equal(squared: NDArray[np.float64], families: Sequence[str]) -> bool:
    rows = [np.flatnonzero(np.array(families) == family) for family in dict.fromkeys(families)]
    of_families = [squared_distances_to_centroid(squared[np.ix_(row, row)]) for row in rows]
    values = np.sqrt(np.maximum(np.concatenate(of_families), 0.0))
    return bool(np.ptp(values) <= 1e-9 * values.max())


def _distance_matrix(distances: NDArray[np.float64]) -> object:
    from skbio.stats.distance import DistanceMatrix

    return DistanceMatrix(distances, [str(index) for index in range(len(distances))])


def _crosscheck(results: object, permutations: int) -> CrossCheck:
    statistic = float(results["test statistic"])
    if not np.isfinite(statistic):
        return CrossCheck(None, None, permutations)
    return CrossCheck(statistic, float(results["p-value"]), permutations)
