"""The ways of members through training, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping

from akp_keras.comparison.trajectories import Trajectories
from akp_keras.export.member_record import MemberRecord, family_of
from akp_keras.tensorboard.page_contents import Trajectory
from akp_keras.tensorboard.swap_marks import swap_marks


def page_trajectory(trajectories: Trajectories, records: Mapping[str, MemberRecord]) -> Trajectory:
    """What the page shows of one layer.

    Args:
      trajectories: the members' ways at one layer.
      records: every member by name; the first of each family tells the family's swaps.

    Returns:
      The trajectory. A snapshot at the end of epoch e comes after e + 1 completed epochs.
    """
    first = {family_of(name): records[name] for name in reversed(trajectories.members)}
    return Trajectory(
        layer=trajectories.layer,
        measure=trajectories.measure,
        epochs=tuple(float(epoch + 1) for epoch in trajectories.epochs),
        members=trajectories.members,
        coordinates=trajectories.coordinates[:, :, :2],
        dispersion=trajectories.dispersion,
        swaps={family: swap_marks(first[family]) for family in trajectories.within},
    )
