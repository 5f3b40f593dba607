"""Coordinates for the projector: points from distances, points from representations.

The projector's page treats tensors by their shape. From 50 columns on it normalises every point by
default, which destroys the distances; below, it computes principal components without centring.
Therefore coordinates have at most 49 columns and are centred.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from akp_keras.dispersion import principal_coordinates

MOST_COLUMNS = 49
FEWEST_COLUMNS = 3
_SYMMETRY_TOLERANCE = 1e-8
# Coordinates below this share of the widest axis are rounding errors of the decomposition.
_SMALLEST_AXIS = 1e-7


@dataclass(frozen=True)
class DistanceMap:
    """Points whose Euclidean distances approximate a distance matrix.

    Attributes:
        coordinates: (m, k) float64, centred, axes in order of decreasing variance,
            3 ≤ k ≤ 49; axes beyond the data's are zero.
        largest_error: largest difference between a distance and the Euclidean distance of its two
            rows, in the unit of the distance. About 1e-8 of the largest
            distance where the distances are Euclidean and m ≤ 50.
        three_axes_stress: Kruskal's stress 1 of the first three axes, which the screen shows,
            √(Σ(d − e)² / Σd²) over all pairs with distance d and distance e on the screen; 0 if
            the picture is exact.
    """

    coordinates: np.ndarray
    largest_error: float
    three_axes_stress: float


def classical_scaling(distances: np.ndarray) -> DistanceMap:
    """Map members to points by classical multidimensional scaling.

    Args:
        distances: (m, m) symmetric, finite, not negative, zero on the diagonal; m ≥ 1.

    Returns:
        The map. Each axis is oriented so that its largest coordinate in absolute value is
        positive, which makes the result reproducible.

    Raises:
        ValueError: if the array is not a distance matrix.

    References:
        Kruskal (1964), "Multidimensional scaling by optimizing goodness of fit to a nonmetric
        hypothesis", Psychometrika 29;
        Torgerson (1952), "Multidimensional scaling: I. Theory and method", Psychometrika 17;
        Gower (1966), "Some distance properties of latent root and vector methods used in
        multivariate analysis", Biometrika 53. Axes with a negative eigenvalue are left out.
    """
    distances = _checked_distances(distances)
    count = len(distances)
    largest = distances.max(initial=0.0)
    if largest == 0:
        return DistanceMap(np.zeros((count, FEWEST_COLUMNS)), 0.0, 0.0)
    coordinates = principal_coordinates(distances, MOST_COLUMNS).real
    spread = np.linalg.norm(coordinates, axis=0)
    coordinates = _widened(coordinates[:, spread > _SMALLEST_AXIS * spread.max()])
    condensed = squareform(distances, checks=False)
    on_screen = pdist(coordinates[:, :3])
    return DistanceMap(
        coordinates=coordinates,
        largest_error=float(np.abs(condensed - pdist(coordinates)).max()),
        three_axes_stress=float(np.linalg.norm(condensed - on_screen) / np.linalg.norm(condensed)),
    )


def principal_components(representation: np.ndarray) -> np.ndarray:
    """Return the samples of a representation in at most 49 principal components.

    Args:
        representation: (n, …) real numbers; what follows the first axis is flattened.

    Returns:
        (n, k) float64, centred, 3 ≤ k ≤ 49, in order of decreasing variance and with the signs
        that scikit-learn's PCA fixes; axes beyond the data's are zero, all of them where the
        samples are all equal.

    Raises:
        ValueError: if there are fewer than two samples or a value is not finite.
    """
    from sklearn.decomposition import PCA

    representation = np.asarray(representation, dtype=np.float64)
    if representation.ndim < 2 or len(representation) < 2:
        raise ValueError(
            f"a representation needs two samples or more and one feature or more, "
            f"not the shape {representation.shape}"
        )
    rows = representation.reshape(len(representation), -1)
    if not np.isfinite(rows).all():
        raise ValueError("a representation holds NaN or infinity and cannot be shown")
    if not np.ptp(rows, axis=0).any():
        return np.zeros((len(rows), FEWEST_COLUMNS))
    components = min(MOST_COLUMNS, len(rows) - 1, rows.shape[1])
    return _widened(PCA(n_components=components, svd_solver="full").fit_transform(rows))


def _checked_distances(distances: np.ndarray) -> np.ndarray:
    distances = np.asarray(distances, dtype=np.float64)
    if distances.ndim != 2 or distances.shape[0] != distances.shape[1] or not len(distances):
        raise ValueError(f"a distance matrix must be square, not of shape {distances.shape}")
    if not np.isfinite(distances).all():
        raise ValueError("a distance matrix holds NaN or infinity and cannot be shown")
    tolerance = _SYMMETRY_TOLERANCE * max(1.0, np.abs(distances).max())
    if np.abs(distances - distances.T).max() > tolerance:
        raise ValueError("a distance matrix must be symmetric")
    if distances.min() < -tolerance or np.abs(np.diag(distances)).max() > tolerance:
        raise ValueError("distances must not be negative, and zero on the diagonal")
    distances = np.maximum((distances + distances.T) / 2, 0.0)
    np.fill_diagonal(distances, 0.0)
    return distances


def _widened(coordinates: np.ndarray) -> np.ndarray:
    missing = max(0, FEWEST_COLUMNS - coordinates.shape[1])
    return np.pad(coordinates, ((0, 0), (0, missing)))
