"""The trajectories of members through training, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.comparison.trajectories import Trajectories
from akp_keras.export.member_record import MemberRecord
from akp_keras.tensorboard.page_contents import Trajectory
from akp_keras.tensorboard.swap_marks import swap_marks


def page_trajectory(
    trajectories: Trajectories,
    records: Mapping[str, MemberRecord],
    matrix: SimilarityMatrix | None = None,
) -> Trajectory:
    """Return a layer's trajectories as the page shows them.

    Args:
        trajectories: the members' trajectories at a layer.
        records: name -> member, for every member.
        matrix: matrix of the trained members at the same layer; None where it comes from the
            snapshots.

    Returns:
        The trajectory, with the swaps of each member.
    """
    return Trajectory(
        layer=trajectories.layer,
        measure=trajectories.measure,
        epochs=tuple(float(epoch) for epoch in trajectories.epochs),
        members=trajectories.members,
        coordinates=trajectories.coordinates[:, :, :2],
        dispersion=trajectories.dispersion,
        swaps={name: swap_marks(records[name]) for name in trajectories.members},
        excluded=trajectories.excluded,
        averaged=matrix is not None and _has_positions(trajectories, matrix),
    )


def _has_positions(trajectories: Trajectories, matrix: SimilarityMatrix) -> bool:
    """Return whether the matrix compares more features of some member than its snapshots have."""
    features = dict(zip(trajectories.members, trajectories.features, strict=True))
    return any(
        features.get(name, number) != number
        for name, number in zip(matrix.members, matrix.features, strict=True)
    )
