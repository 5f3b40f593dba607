"""The trajectories of members through training: all their snapshots compared at one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import orthogonal_procrustes
from threadpoolctl import threadpool_limits

from akp_keras import similarity
from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.dispersion import principal_coordinates
from akp_keras.dispersion.centroids import distances_to_centroid
from akp_keras.export.member_record import family_of

MOST_POINTS_OF_ONE_MAP = 3000
AXES = 3


@dataclass(frozen=True)
class Trajectories:
    """Members over epochs at one layer under one measure.

    Attributes:
        layer: name of the layer.
        measure: id of the measure.
        epochs: (T,) epochs, from 0 and ascending, after which snapshots were taken.
        members: (M,) names `<family>/<seed>` of the members that can be compared at all epochs.
        coordinates: (M, T, 3) float64, one map for all epochs, in the unit of the distances,
            with axes in order of decreasing variance over all points.
        values: (T, M, M) float64, the measure between members at each epoch.
        distances: (T, M, M) float64, its distance form.
        within: family -> (m·T, m·T) float64 distances between its members at all epochs: T
            consecutive points per member, members in the order of `members`.
        to_centroid: family -> (T, m) float64, distances of its members to their centroid at
            each epoch, adjusted for the number of members; without families of one member.
        is_aligned: whether each epoch has its own map, rotated onto that of the last epoch; False
            if all points share one map.
        samples: n, the number of probe samples.
        features: (M,) int64, the number of features of each member's snapshots.
        ranks: (T, M) int64, the numerical rank of each centred snapshot.
        excluded: excluded members, with the reason.
    """

    layer: str
    measure: str
    epochs: tuple[int, ...]
    members: tuple[str, ...]
    coordinates: np.ndarray
    values: np.ndarray
    distances: np.ndarray
    within: Mapping[str, np.ndarray]
    to_centroid: Mapping[str, np.ndarray]
    is_aligned: bool
    samples: int
    features: np.ndarray
    ranks: np.ndarray
    excluded: Mapping[str, str] = field(default_factory=dict)

    @property
    def dispersion(self) -> Mapping[str, tuple[float | None, ...]]:
        """Family -> (T,) dispersion at each epoch; None for a family of one member."""
        return {
            family: tuple(self.to_centroid[family].mean(axis=1).tolist())
            if family in self.to_centroid
            else (None,) * len(self.epochs)
            for family in self.within
        }

    def matrix(self, moment: int) -> SimilarityMatrix:
        """Return the matrix of one epoch; `moment` is its index in `epochs`."""
        return SimilarityMatrix(
            layer=self.layer,
            measure=self.measure,
            members=self.members,
            values=self.values[moment],
            distances=self.distances[moment],
            samples=self.samples,
            features=self.features,
            ranks=self.ranks[moment],
            excluded=self.excluded,
        )


def follow_members(
    layer: str,
    measure: str,
    epochs: Sequence[int],
    snapshots: Mapping[str, np.ndarray],
    *,
    executor: Executor | None = None,
    memory_gb: float = 4.0,
    most_points: int = MOST_POINTS_OF_ONE_MAP,
) -> Trajectories:
    """Compare all members at all epochs, map them, and measure each family's dispersion.

    Up to `most_points` points (member, epoch), all pairs are compared and classical scaling
    (Torgerson 1952; Gower 1966) places them in one map. With more points, each epoch is mapped
    separately and aligned (by rotation and reflection, without scaling) to the next epoch by
    orthogonal Procrustes (Schönemann, Psychometrika 31, 1966), from the last epoch backwards.
    Distances between points of different epochs then mean less than those within an epoch.

    Args:
        layer: name of the layer.
        measure: id of a measure of `akp_keras.similarity` that has a distance form.
        epochs: (T,) epochs of the snapshots.
        snapshots: member name -> (T, n, d) representations of the same n samples.
        executor: runs the comparison of blocks of pairs; None for this process.
        memory_gb: bound on the memory of the comparison, in GiB.
        most_points: maximum number of points in one map.

    Returns:
        The trajectories; the same arguments produce the same bytes.

    Raises:
        ValueError: if fewer than two members can be compared at all epochs, the snapshots do not
            match `epochs`, or the measure cannot compare them.
    """
    for name, values in snapshots.items():
        if values.ndim != 3 or len(values) != len(epochs):
            raise ValueError(
                f"the snapshots of {name} at {layer} have the shape {values.shape}, not "
                f"{len(epochs)} epochs × samples × features"
            )
    excluded = {
        name: reason
        for name, values in snapshots.items()
        if (reason := _why_not_comparable(values, epochs))
    }
    members = tuple(name for name in snapshots if name not in excluded)
    if len(members) < 2:
        raise ValueError(
            f"layer {layer!r} needs at least two members that can be compared at all epochs, got "
            f"{len(members)}"
        )
    compared = _Compared(snapshots, measure, executor, memory_gb)
    moments = range(len(epochs))
    families: dict[str, list[str]] = {}
    for member in members:
        families.setdefault(family_of(member), []).append(member)

    is_aligned = len(members) * len(epochs) > most_points
    if is_aligned:
        pairs = [compared([(member, moment) for member in members]) for moment in moments]
        values, distances, ranks = (np.stack(parts) for parts in zip(*pairs, strict=True))
        within = {
            family: compared([(member, moment) for member in names for moment in moments])[1]
            if len(names) * len(epochs) > 1
            else np.zeros((1, 1))
            for family, names in families.items()
        }
        coordinates = _aligned_maps(distances)
    else:
        every = [(member, moment) for member in members for moment in moments]
        all_values, all_distances, all_ranks = compared(every)
        ranks = all_ranks.reshape(len(members), len(epochs)).T
        values, distances = (
            np.stack([matrix[moment :: len(epochs), moment :: len(epochs)] for moment in moments])
            for matrix in (all_values, all_distances)
        )
        within = {}
        for family in families:
            rows = [row for row, (name, _) in enumerate(every) if family_of(name) == family]
            within[family] = all_distances[np.ix_(rows, rows)]
        coordinates = _map(all_distances).reshape(len(members), len(epochs), AXES)

    rows_of = {
        family: [members.index(name) for name in names] for family, names in families.items()
    }
    return Trajectories(
        layer=layer,
        measure=measure,
        epochs=tuple(int(epoch) for epoch in epochs),
        members=members,
        coordinates=coordinates,
        values=values,
        distances=distances,
        within=within,
        to_centroid={
            family: distances_to_centroid(distances[:, rows][:, :, rows] ** 2)
            for family, rows in rows_of.items()
            if len(rows) > 1
        },
        is_aligned=is_aligned,
        samples=snapshots[members[0]].shape[1],
        features=np.array([snapshots[name].shape[2] for name in members], np.int64),
        ranks=ranks,
        excluded=excluded,
    )


class _Compared:
    """Computes values and distances between points (member, moment), and the rank of each."""

    def __init__(
        self,
        snapshots: Mapping[str, np.ndarray],
        measure: str,
        executor: Executor | None,
        memory_gb: float,
    ) -> None:
        self._snapshots = snapshots
        self._measure = measure
        self._options = {"memory_gb": memory_gb, "executor": executor}

    def __call__(self, points: Sequence[tuple[str, int]]) -> tuple[np.ndarray, ...]:
        # Last digits of results depend on the number of threads.
        with threadpool_limits(1, "blas"):
            result = similarity.pairwise(
                {
                    f"{member} at moment {moment}": self._snapshots[member][moment]
                    for member, moment in points
                },
                [self._measure],
                **self._options,
            )[self._measure]
        return np.asarray(result.values), np.asarray(result.distance()), np.asarray(result.ranks)


def _map(distances: np.ndarray) -> np.ndarray:
    with threadpool_limits(1, "blas"):
        return principal_coordinates(distances, AXES).leading(AXES)


def _aligned_maps(distances: np.ndarray) -> np.ndarray:
    """Return (M, T, 3) coordinates: the map of each epoch, aligned to that of the next epoch."""
    maps = [_map(of_epoch) for of_epoch in distances]
    for moment in reversed(range(len(maps) - 1)):
        rotation, _ = orthogonal_procrustes(maps[moment], maps[moment + 1])
        maps[moment] = maps[moment] @ rotation
    return np.stack(maps, axis=1)


def _why_not_comparable(values: np.ndarray, epochs: Sequence[int]) -> str | None:
    for epoch, of_epoch in zip(epochs, values, strict=True):
        if not np.isfinite(of_epoch).all():
            return f"not finite after epoch {epoch}: NaN or infinity among its answers"
        if (of_epoch == of_epoch[:1]).all():
            return f"constant over the probe set after epoch {epoch}: it tells no samples apart"
    return None
