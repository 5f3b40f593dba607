"""Do families differ in dispersion? The F statistic of PERMDISP with calibrated permutations.

Anderson's PERMDISP (Biometrics 62, 2006) compares members' distances to their family's centroid
by a one-way analysis of variance. How its null distribution is drawn decides whether the p-value
can be trusted. Permuting the members as they are confuses dispersion with the families' different
places; permuting the distances themselves forgets that each was measured from a centroid that its
own members made, and rejects too often on small and unbalanced families. Here every family is
first moved onto one centroid and scaled for its size, then members are dealt anew to families of
the same sizes, and centroids, distances and F are computed again.

How often each rejects at 0.05 where nothing differs, far-apart families, 20 dimensions
(`python benchmarks/seed_calibration.py --repetitions=2000`, which prints more designs and the
power):

    members                     labels    residuals    here
    4 families of 8              0.070        0.072   0.050
    4, 8, 12 and 20              0.004        0.191   0.055
    6 families of 5              0.091        0.112   0.051
    6 families of 3              0.097        0.229   0.088
    7 families of 8, angles      0.158        0.094   0.079

The last row is the price of distances that are not Hilbertian.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.centroids import distances_to_centroid, squared_distances_of_residuals
from akp_keras.dispersion.rearrangements import rearrangements


def analysis_of_variance(
    values: NDArray[np.float64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the F statistic of a one-way analysis of variance, over many draws at once.

    Args:
        values: (…, M) values, members of a family next to each other.
        sizes: (k,) numbers of members of the families in order, summing to M; k ≥ 2.

    Returns:
        (…,) float64 in [0, ∞]: ∞ where values are constant within families but differ between
        them, 0 where all values are equal.
    """
    starts = np.cumsum(sizes) - sizes
    total = sizes.sum()
    mean = values.mean(axis=-1, keepdims=True)
    means = np.add.reduceat(values, starts, axis=-1) / sizes
    between = ((means - mean) ** 2 * sizes).sum(axis=-1)
    within = ((values - np.repeat(means, sizes, axis=-1)) ** 2).sum(axis=-1)
    # Sums of squares that are rounding of values of this magnitude count as none.
    rounding = (1e-12 * np.abs(values).max(axis=-1)) ** 2 * total
    between = np.where(between <= rounding, 0.0, between)
    within = np.where(within <= rounding, 0.0, within)
    degrees = (total - len(sizes)) / (len(sizes) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(between == 0.0, 0.0, between / within * degrees)


def family_distances(squared: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return adjusted distances of all members to the centroids of their families.

    Args:
        squared: (M, M) squared distances, members of a family next to each other.
        sizes: (k,) numbers of members of the families in order, each ≥ 2, summing to M.

    Returns:
        (M,) float64.
    """
    ends = np.cumsum(sizes)
    blocks = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    return np.concatenate([distances_to_centroid(squared[block, block]) for block in blocks])


def permuted_statistics(
    matrices: list[NDArray[np.float64]],
    sizes: NDArray[np.int64],
    permutations: int,
    rng: np.random.Generator,
    blocks: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return F as observed and under permutation, the same permutations for every matrix.

    Args:
        matrices: L matrices of (M, M) squared distances over the same members, members of a
            family next to each other.
        sizes: (k,) numbers of members of the families in order, each ≥ 2, summing to M.
        permutations: B, the number of random permutations.
        rng: the source of permutations.
        blocks: (M,) the block of each member; members are dealt anew within their block only.

    Returns:
        (L, B + 1) float64: the observed F first, then one for each permutation.
    """
    observed = [analysis_of_variance(family_distances(m, sizes), sizes) for m in matrices]
    residuals = [squared_distances_of_residuals(matrix, sizes) for matrix in matrices]
    statistics = np.empty((len(matrices), permutations + 1))
    statistics[:, 0] = observed
    position = 1
    gathered = int((sizes**2).sum())
    drawn = rearrangements(int(sizes.sum()), permutations, rng, blocks=blocks, numbers=gathered)
    for part in drawn:
        for row, residual in zip(statistics, residuals, strict=True):
            row[position : position + len(part)] = _statistics(residual, part, sizes)
        position += len(part)
    return statistics


def _statistics(
    residual: NDArray[np.float64], orders: NDArray[np.int64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    distances = np.empty(orders.shape)
    slots = np.split(np.arange(orders.shape[1]), np.cumsum(sizes)[:-1])
    for size in np.unique(sizes):
        # Families of one size are gathered together: (rows, families, size, size).
        places = np.stack([slot for slot in slots if len(slot) == size])
        dealt = orders[:, places]
        squared = residual[dealt[..., :, None], dealt[..., None, :]]
        distances[:, places] = distances_to_centroid(squared)
    return analysis_of_variance(distances, sizes)
