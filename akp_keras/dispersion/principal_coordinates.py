"""Classical multidimensional scaling: coordinates from a distance matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.centroids import gower_matrix


def principal_coordinates(
    distances: NDArray[np.float64], axes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coordinates whose inner products are nearest to those of the members.

    Classical multidimensional scaling (Torgerson, Psychometrika 17, 1952) or principal coordinate
    analysis (Gower, Biometrika 53, 1966): eigenvectors of the Gower matrix, each times the root of
    its eigenvalue. Axes with a negative eigenvalue, which distances that are not Euclidean have,
    are left out.

    Args:
        distances: (M, M), symmetric, finite, zero on the diagonal.
        axes: number of axes to return, at least 1.

    Returns:
        (M, axes) float64 coordinates in the unit of the distances, centred, in order of decreasing
        variance, each axis oriented so that its coordinate of largest magnitude is positive; and
        (axes,) shares of the sum of the positive eigenvalues. Axes that the members do not span
        are zero.
    """
    eigenvalues, vectors = np.linalg.eigh(gower_matrix(distances**2))
    rounding = len(distances) * np.finfo(np.float64).eps * np.abs(eigenvalues).max()
    positive = np.where(eigenvalues > rounding, eigenvalues, 0.0)
    first = np.argsort(positive, kind="stable")[::-1][:axes]
    coordinates = vectors[:, first] * np.sqrt(positive[first])
    farthest = coordinates[np.abs(coordinates).argmax(axis=0), np.arange(len(first))]
    missing = axes - len(first)
    return (
        np.pad(coordinates * np.where(farthest < 0, -1.0, 1.0), ((0, 0), (0, missing))),
        np.pad(positive[first] / (positive.sum() or 1.0), (0, missing)),
    )
