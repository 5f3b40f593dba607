"""scikit-bio's PERMDISP and PERMANOVA, to be read beside the calibrated test.

They permute the members' labels as they are, so their p-values are not calibrated on unbalanced
families that lie far apart; PERMANOVA answers another question, whether families lie in different
places.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    """PERMDISP (Anderson, Biometrics 62, 2006) about centroids, by scikit-bio.

    Args:
        distances: (M, M) distances.
        families: M names of families.
        permutations: number of permutations of labels.
        seed: seed of the permutations.

    Returns:
        F and p; None where no family has two members.
    """
    if not _testable(families):
        return None
    from skbio.stats.distance import permdisp

    with warnings.catch_warnings():
        # Negative eigenvalues are reported by `imaginary_share`, and constant distances give 0/0.
        warnings.simplefilter("ignore")
        return _crosscheck(
            permdisp(
                _distance_matrix(distances),
                list(families),
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
    """PERMANOVA (Anderson, Austral Ecology 26, 2001), by scikit-bio.

    Args:
        distances: (M, M) distances.
        families: M names of families.
        permutations: number of permutations of labels.
        seed: seed of the permutations.

    Returns:
        Pseudo-F and p; None where no family has two members.
    """
    if not _testable(families):
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


def _testable(families: Sequence[str]) -> bool:
    return 2 <= len(set(families)) < len(families)


def _distance_matrix(distances: NDArray[np.float64]) -> object:
    from skbio.stats.distance import DistanceMatrix

    return DistanceMatrix(distances, [str(index) for index in range(len(distances))])


def _crosscheck(results: object, permutations: int) -> CrossCheck:
    statistic = float(results["test statistic"])
    if not np.isfinite(statistic):
        return CrossCheck(None, None, permutations)
    return CrossCheck(statistic, float(results["p-value"]), permutations)
