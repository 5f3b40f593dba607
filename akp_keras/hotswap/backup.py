"""What `BackupAndRestore` does not keep of an interrupted `fit`: steps and plateaus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from akp_keras.hotswap import keras_internals

_FILE = "hotswap.json"


@dataclass(frozen=True)
class Progress:
    """How far a training is at the end of an epoch.

    Attributes:
        steps: training steps done. The optimizer's iterations do not tell: they are fewer where
            gradients are accumulated or a loss scale skips steps.
        watches: from the number of a swap in the schedule, the best value and the epochs waited.
        reached: from the number of a swap, the epoch and the step at which it took place.
    """

    steps: int
    watches: Mapping[int, tuple[float | None, int]]
    reached: Mapping[int, tuple[int, int]]


class Backup:
    """A file in the folder of a `BackupAndRestore`, which deletes the folder when training ends.

    It has an entry for each epoch, since the weights that are restored can be older than the last
    epoch.

    Args:
        folder: the folder.
        schedule: text of the schedule; what was written under another one is not read.
    """

    def __init__(self, folder: str, schedule: str) -> None:
        self._path = f"{str(folder).rstrip('/')}/{_FILE}"
        self._schedule = schedule

    @classmethod
    def beside(cls, callbacks: Iterable[keras.callbacks.Callback], schedule: str) -> Backup | None:
        """Return the backup for a `fit` with these callbacks; None without a `BackupAndRestore`."""
        for callback in callbacks:
            if isinstance(callback, keras.callbacks.BackupAndRestore):
                return cls(callback.backup_dir, schedule)
        return None

    def save(self, epoch: int, progress: Progress) -> None:
        """Keep the progress at the end of an epoch."""
        epochs = [entry for entry in self._entries() if entry["epoch"] < epoch]
        entry = {
            "epoch": epoch,
            "steps": progress.steps,
            "watches": dict(progress.watches),
            "reached": dict(progress.reached),
        }
        content = {"schedule": self._schedule, "epochs": [*epochs, entry]}
        keras_internals.write_text(self._path, json.dumps(content))

    def load(self, epoch: int) -> Progress | None:
        """Return the progress when an epoch began; None if nothing is known."""
        for entry in self._entries():
            if entry["epoch"] == epoch - 1:
                watches, reached = _by_number(entry["watches"]), _by_number(entry["reached"])
                return Progress(entry["steps"], watches, reached)
        return None

    def _entries(self) -> list[dict[str, Any]]:
        text = keras_internals.read_text(self._path)
        content = json.loads(text) if text else {}
        return content["epochs"] if content.get("schedule") == self._schedule else []


def _by_number(entry: Mapping[str, Any]) -> dict[int, Any]:
    return {int(number): tuple(value) for number, value in entry.items()}
