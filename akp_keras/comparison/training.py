"""The trajectories of members through training, from the snapshots in their folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from akp_keras.comparison.trajectories import Trajectories, follow_members
from akp_keras.export.snapshots import read_snapshots


def follow_training(
    member_folders: Mapping[str, Path],
    layers: Sequence[str],
    measure: str,
    *,
    executor: Executor | None = None,
    memory_gb: float = 4.0,
) -> tuple[list[Trajectories], dict[str, str]]:
    """Compare members through training, layer by layer, from the snapshots in their folders.

    Args:
        member_folders: member name -> its folder.
        layers: names of the layers, from input to output.
        measure: id of the measure.
        executor: runs the comparison of blocks of pairs; None for this process.
        memory_gb: bound on the memory of the comparison, in GiB.

    Returns:
        The trajectories of the layers that can be followed; and the other layers, each with the
        reason, such as fewer than two members that can be compared at all epochs.

    Raises:
        ValueError: if a member's snapshots are missing or damaged, or the epochs of members'
            snapshots differ.
    """
    followed, reasons = [], {}
    for layer in layers:
        snapshots = {name: read_snapshots(path, (layer,)) for name, path in member_folders.items()}
        epochs = {taken.epochs for taken in snapshots.values()}
        if len(epochs) != 1:
            raise ValueError("members have snapshots of different epochs, and cannot be compared")
        try:
            followed.append(
                follow_members(
                    layer,
                    measure,
                    epochs.pop(),
                    {name: taken.representations[layer] for name, taken in snapshots.items()},
                    executor=executor,
                    memory_gb=memory_gb,
                )
            )
        except ValueError as error:
            reasons[layer] = str(error)
    return followed, reasons
