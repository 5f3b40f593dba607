"""Members through training, from the snapshots in their folders."""

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
    """The ways of members through training, from the snapshots in their folders.

    Args:
        member_folders: member name -> its folder.
        layers: names of the layers, from input to output.
        measure: id of the measure.
        executor: where blocks of pairs are compared; None for this process.
        memory_gb: bound on the memory of the comparison.

    Returns:
        The trajectories of the layers that can be followed, and for each other layer the reason
        why not, such as fewer than two members that can be compared at all epochs.

    Raises:
        ValueError: if a member's snapshots are missing or damaged, or the members' are not of the
            same epochs.
    """
    followed, reasons = [], {}
    for layer in layers:
        taken = {name: read_snapshots(path, (layer,)) for name, path in member_folders.items()}
        epochs = {snapshots.epochs for snapshots in taken.values()}
        if len(epochs) != 1:
            raise ValueError("members have snapshots of different epochs, and cannot be compared")
        try:
            followed.append(
                follow_members(
                    layer,
                    measure,
                    epochs.pop(),
                    {name: found.representations[layer] for name, found in taken.items()},
                    executor=executor,
                    memory_gb=memory_gb,
                )
            )
        except ValueError as error:
            reasons[layer] = str(error)
    return followed, reasons
