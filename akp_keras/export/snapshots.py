"""Representations of the probe set taken while a member was trained, kept in its folder.

snapshots/<layer>.npz   `epochs` (T,) int64, `representations` (T, n, d) float32
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akp_keras.numpy_files import UNREADABLE, open_arrays

_FOLDER = "snapshots"


@dataclass(frozen=True)
class Snapshots:
    """What one member's layers answered on the probe set, epoch by epoch.

    Attributes:
        epochs: numbers of the epochs, from 0 and ascending, at whose ends they were taken.
        representations: for each layer, from input to output, (T, n, d) float32. Layers with
            positions are averaged over them, the policy `global_average` of
            `akp_keras.similarity`.
    """

    epochs: tuple[int, ...]
    representations: Mapping[str, np.ndarray]


def write_snapshots(member_folder: Path, snapshots: Snapshots) -> None:
    """Write `snapshots/` into a member's unfinished folder; same data, same bytes."""
    for layer, values in snapshots.representations.items():
        path = snapshots_path(member_folder, layer)
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            np.savez(
                file,
                epochs=np.asarray(snapshots.epochs, np.int64),
                representations=values.astype(np.float32, copy=False),
            )


def read_snapshots(member_folder: str | Path, layers: tuple[str, ...]) -> Snapshots:
    """Read what a member's folder keeps of some layers.

    Args:
        member_folder: `members/<family>/<seed>`.
        layers: names of the layers.

    Returns:
        The snapshots.

    Raises:
        ValueError: if a file is missing or damaged, in one line that names it, or the layers
            were not taken at the same epochs.
    """
    epochs: set[tuple[int, ...]] = set()
    representations = {}
    for layer in layers:
        path = snapshots_path(member_folder, layer)
        try:
            with open_arrays(path) as file:
                epochs.add(tuple(file["epochs"].tolist()))
                representations[layer] = file["representations"]
        except UNREADABLE as error:
            raise ValueError(
                f"{path} is missing or damaged ({error}); remove the member's folder and run "
                "again with --snapshots"
            ) from error
    if len(epochs) != 1:
        raise ValueError(f"the snapshots of {member_folder} are not of the same epochs")
    return Snapshots(epochs.pop(), representations)


def snapshots_path(member_folder: str | Path, layer: str) -> Path:
    """Name the file of one layer's snapshots."""
    return Path(member_folder) / _FOLDER / f"{layer.replace('/', '.')}.npz"
