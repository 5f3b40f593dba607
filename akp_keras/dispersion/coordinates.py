"""Members as points: principal coordinates of a distance matrix, and spatial medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import eigsh

from akp_keras.dispersion import inputs
from akp_keras.dispersion.centroids import gower_matrix

# Beyond this number of members a few axes take much less time by Lanczos' iteration than all.
_FEWEST_FOR_LANCZOS = 500


@dataclass(frozen=True)
class PrincipalCoordinates:
    """Points whose squared distances are those given: real minus imaginary axes.

    Attributes:
        real: (M, p) float64, centred, axes in order of decreasing variance, each oriented so that
            its entry of largest absolute value is positive.
        imaginary: (M, q) float64, likewise; q = 0 for Hilbertian distances.
        eigenvalues: (p + q,) of the Gower matrix: the sums of squares of the real axes, then those
            of the imaginary ones with a minus sign.
    """

    real: NDArray[np.float64]
    imaginary: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]

    def leading(self, axes: int) -> NDArray[np.float64]:
        """Return (M, axes) coordinates on the first real axes; missing axes are zero."""
        first = self.real[:, :axes]
        return np.pad(first, ((0, 0), (0, axes - first.shape[1])))

    def shares(self, axes: int) -> NDArray[np.float64]:
        """Return (axes,) shares of the real axes' variance, in [0, 1]; zero for missing axes."""
        variances = self.eigenvalues[: self.real.shape[1]]
        first = variances[:axes] / (variances.sum() or 1.0)
        return np.pad(first, (0, axes - len(first)))


def principal_coordinates(distances: ArrayLike, axes: int | None = None) -> PrincipalCoordinates:
    """Map members by classical multidimensional scaling.

    Torgerson, Psychometrika 17 (1952); Gower, Biometrika 53 (1966). The same distances produce the
    same bytes.

    Args:
        distances: (M, M) symmetric distances, zero on the diagonal.
        axes: how many of the real axes to return at most, without the imaginary ones; all axes,
            real and imaginary, by default.

    Returns:
        The axes that are larger than rounding errors.

    Raises:
        ValueError: if the array is not a distance matrix.
    """
    matrix = inputs.checked_distances(distances, len(np.asarray(distances)), "distances")
    unit = inputs.unit_of(matrix)
    gram = gower_matrix((matrix / unit) ** 2)
    if axes is None or len(gram) < max(_FEWEST_FOR_LANCZOS, 4 * axes):
        values, vectors = np.linalg.eigh(gram)
    else:
        start = np.random.default_rng(0).normal(size=len(gram))
        values, vectors = eigsh(gram, k=axes, which="LA", v0=start)
    kept = np.abs(values) > len(gram) * np.finfo(np.float64).eps * np.abs(values).max(initial=0.0)
    order = np.argsort(-values, kind="stable")
    order = order[kept[order]]
    if axes is not None:
        order = order[values[order] > 0][:axes]
    values, vectors = values[order], vectors[:, order]
    points = unit * vectors * np.sqrt(np.abs(values))
    farthest = points[np.abs(points).argmax(axis=0), np.arange(points.shape[1])]
    points = points * np.where(farthest < 0, -1.0, 1.0)
    return PrincipalCoordinates(points[:, values > 0], points[:, values < 0], unit**2 * values)


def distances_to_median(distances: ArrayLike, families: Sequence[str]) -> NDArray[np.float64]:
    """Return distances of members to their family's spatial median, as R's `betadisper` does.

    The median is less drawn by one member far out than the centroid is. It is found in the
    principal coordinates of all members, on the real and the imaginary axes apart (Anderson,
    Biometrics 62, 2006), and is not adjusted for the number of members.

    Args:
        distances: (M, M) distances.
        families: the family of each member.

    Returns:
        (M,) float64, √max(z₊² − z₋², 0).

    Raises:
        ValueError: if the distances or families do not fit.
    """
    names = np.array(inputs.checked_families(families))
    inputs.checked_distances(distances, len(names), "distances")
    coordinates = principal_coordinates(distances)
    squared = np.zeros(len(names))
    for axes, sign in ((coordinates.real, 1.0), (coordinates.imaginary, -1.0)):
        for family in dict.fromkeys(names.tolist()):
            points = axes[names == family]
            offsets = points - spatial_median(points)
            squared[names == family] += sign * (offsets**2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0.0))


def spatial_median(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the point with the least sum of distances, by Weiszfeld's iteration.

    Args:
        points: (m, p) coordinates, m ≥ 1.

    Returns:
        (p,) float64. Where the iteration meets a member it goes on as Vardi and Zhang (PNAS 97,
        2000) do, so that it does not stop there unless that member is the median.
    """
    median = points.mean(axis=0)
    size = np.abs(points - median).max(initial=0.0)
    for _ in range(10_000):
        lengths = np.linalg.norm(points - median, axis=1)
        apart = lengths > 1e-12 * size
        if not apart.any():
            return median
        weights = 1.0 / lengths[apart]
        target = weights @ points[apart] / weights.sum()
        # The pull of the others, against which members at the median hold it.
        pull = np.linalg.norm(weights @ (points[apart] - median))
        held = 0.0 if apart.all() else min(1.0, np.count_nonzero(~apart) / max(pull, 1e-300))
        step = (1.0 - held) * (target - median)
        median = median + step
        if np.abs(step).max(initial=0.0) <= 1e-13 * size:
            break
    return median
