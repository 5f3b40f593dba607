"""Distances of members to the centroid of their family, from the distance matrix alone.

No coordinates are needed. Writing d for the distances within a family of m members, the squared
distance of member i to the centroid is

    z_i² = (1/m) Σ_j d_ij² − (1/2m²) Σ_jk d_jk²

(Huygens' theorem; Gower, Biometrika 53, 1966). For Hilbertian distances, such as the chord
√(2 − 2·CKA), the centroid is the mean of the embedded points and z_i is exact; there the
arithmetic mean is the Fréchet mean as well.

For other distances (angles, Procrustes) the same formula equals z₊² − z₋², the difference of the
squared distances over the real and the imaginary principal coordinates (Anderson, Biometrics 62,
2006, section 3). Where it is negative the distance counts as 0, as in vegan's betadisper. The
Fréchet mean is not taken: it is a point of the representations' own space, of which a distance
matrix says nothing, and the permutations need the centroids of families mixed anew, thousands of
times. `imaginary_share` says how far a distance matrix is from the case in which all this is exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Beyond this imaginary share errors of distances between families outgrow the distances within.
MOST_IMAGINARY = 0.01


def squared_distances_to_centroid(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return signed squared distances to the centroid, z₊² − z₋².

    Args:
        squared: (…, m, m) squared distances among the members of one family.

    Returns:
        (…, m) float64; negative values occur only where the distances are not Hilbertian.
    """
    to_members = squared.mean(axis=-1)
    return to_members - 0.5 * to_members.mean(axis=-1, keepdims=True)


def distances_to_centroid(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return distances to the family's centroid, adjusted for the number of members.

    The centroid is drawn towards its own members, so that distances to it are too short by
    √((m−1)/m) in quadratic mean; they are multiplied by the inverse (Stier et al., Ecology 94,
    2013; `bias.adjust` of vegan's betadisper).

    Args:
        squared: (…, m, m) squared distances among the members of one family, m ≥ 2.

    Returns:
        (…, m) float64, √(m/(m−1))·√max(z², 0).
    """
    members = squared.shape[-1]
    adjustment = np.sqrt(members / (members - 1))
    return adjustment * np.sqrt(np.maximum(squared_distances_to_centroid(squared), 0.0))


def squared_distances_to_centroids(
    squared: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return signed squared distances of all members to weighted centroids.

    Args:
        squared: (M, M) squared distances.
        weights: (c, M) weights of the members in each centroid, rows summing to 1.

    Returns:
        (M, c) float64: Σ_j w_j d_ij² − ½ Σ_jk w_j w_k d_jk². Equal weights over one family give the
        distances to that family's centroid, for its own members those of
        `squared_distances_to_centroid`.
    """
    to_members = squared @ weights.T
    return to_members - 0.5 * (weights * to_members.T).sum(axis=1)


def count_negative(signed: NDArray[np.float64]) -> int:
    """Return how many squared distances are negative by more than rounding.

    Args:
        signed: squared distances as `squared_distances_to_centroid` returns them.

    Returns:
        The number of them that are negative, where distances are far from Hilbertian.
    """
    return int(np.count_nonzero(signed < -1e-9 * np.abs(signed).max(initial=0.0)))


def gower_matrix(squared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inner products of the members about their common centroid, −½·H·D²·H.

    Args:
        squared: (M, M) squared distances.

    Returns:
        (M, M) float64, positive semidefinite exactly when the distances are Hilbertian.
    """
    columns = squared.mean(axis=0)
    return -0.5 * (squared - columns[None, :] - columns[:, None] + columns.mean())


def imaginary_share(squared: NDArray[np.float64]) -> float:
    """Return how far distances are from Hilbertian.

    Args:
        squared: (M, M) squared distances.

    Returns:
        Σ|negative eigenvalues| / Σ|eigenvalues| of the Gower matrix, in [0, 1); 0 for Hilbertian
        distances, where eigenvalues within rounding of zero are taken as zero.
    """
    eigenvalues = np.linalg.eigvalsh(gower_matrix(squared))
    magnitudes = np.abs(eigenvalues)
    rounding = len(squared) * np.finfo(np.float64).eps * magnitudes.max(initial=0.0)
    negative = magnitudes[eigenvalues < -rounding].sum()
    return float(negative / magnitudes.sum()) if negative else 0.0


def squared_distances_of_residuals(
    squared: NDArray[np.float64], sizes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return squared distances among members after every family is moved onto one centroid.

    In the space of the Gower matrix, the family's centroid is subtracted from each member and
    the difference multiplied by √(m/(m−1)), so that residuals of small families have the
    variance of their members. What is left differs between families in dispersion alone.

    Args:
        squared: (M, M) squared distances, members of a family next to each other.
        sizes: (k,) numbers of members of the families in order, each ≥ 2, summing to M.

    Returns:
        (M, M) float64 squared distances of the scaled residuals.
    """
    starts = np.cumsum(sizes) - sizes
    gram = gower_matrix(squared)
    for axis in (0, 1):
        means = np.add.reduceat(gram, starts, axis=axis) / np.expand_dims(sizes, 1 - axis)
        gram = gram - np.repeat(means, sizes, axis=axis)
    scale = np.repeat(np.sqrt(sizes / (sizes - 1)), sizes)
    gram = gram * scale[:, None] * scale[None, :]
    norms = np.diagonal(gram)
    return norms[:, None] + norms[None, :] - 2.0 * gram
