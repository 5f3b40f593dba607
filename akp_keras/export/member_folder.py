"""The folder `members/<family>/<seed>/`, written and read.

saved_model/   the SavedModel contract
history.csv    one row per epoch
swaps.json     what was swapped, when, in which layers
metrics.json   final numbers
snapshots/     representations of the probe set during training, if they were taken
checksums.json SHA-256 of every other file, so that damage is detected before anything is loaded
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from akp_keras.export.files_below import files_below
from akp_keras.export.member_record import MemberRecord
from akp_keras.export.saved_model import read_description, save_member
from akp_keras.export.snapshots import Snapshots, write_snapshots

if TYPE_CHECKING:
    import keras

SAVED_MODEL = "saved_model"
_HISTORY = "history.csv"
_SWAPS = "swaps.json"
_METRICS = "metrics.json"
_CHECKSUMS = "checksums.json"
_UNFINISHED = ".unfinished"


def write_member(
    folder: str | Path,
    record: MemberRecord,
    model: keras.Model,
    *,
    description: Mapping[str, object],
    snapshots: Snapshots | None = None,
) -> None:
    """Write a trained member, atomically: the folder appears by rename, or not at all.

    Args:
        folder: `members/<family>/<seed>`.
        record: the member's history, swaps and metrics.
        model: the trained model.
        description: further entries of `assets.extra/akp.json`, for example the data set.
        snapshots: representations taken during training; None if there are none.
    """
    folder = Path(folder)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}{_UNFINISHED}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    save_member(
        unfinished / SAVED_MODEL,
        model,
        layers=record.layers,
        description={
            **description,
            "family": record.family,
            "seed": record.seed,
            "schedule": record.schedule,
            "swaps": list(record.swaps),
            "steps_per_epoch": record.steps_per_epoch,
            "metrics": dict(record.metrics),
        },
    )
    with (unfinished / _HISTORY).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *record.history])
        writer.writerows(
            [epoch, *map(repr, row)]
            for epoch, row in enumerate(zip(*record.history.values(), strict=True))
        )
    _write_json(unfinished / _SWAPS, list(record.swaps))
    _write_json(unfinished / _METRICS, dict(record.metrics))
    if snapshots is not None:
        write_snapshots(unfinished, snapshots)
    _write_json(unfinished / _CHECKSUMS, _checksums(unfinished))
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def read_member(folder: str | Path) -> MemberRecord:
    """Read a member's record without loading its model.

    Raises:
        ValueError: if a file is missing or damaged; the message names it.
    """
    folder = Path(folder)
    try:
        expected = json.loads((folder / _CHECKSUMS).read_text())
        present = _checksums(folder)
        for file in sorted({*expected, *present}):
            if expected.get(file) != present.get(file):
                raise ValueError(f"{file} is not as it was written")
        description = read_description(folder / SAVED_MODEL)
        metrics = json.loads((folder / _METRICS).read_text())
        swaps = json.loads((folder / _SWAPS).read_text())
        with (folder / _HISTORY).open(newline="") as file:
            header, *rows = csv.reader(file)
        columns = zip(*([float(cell) for cell in row[1:]] for row in rows), strict=True)
        return MemberRecord(
            family=description["family"],
            seed=description["seed"],
            schedule=description["schedule"],
            layers=tuple(description["layers"]),
            metrics=metrics,
            history=dict(zip(header[1:], columns, strict=True)),
            swaps=tuple(swaps),
            steps_per_epoch=description["steps_per_epoch"],
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"member folder {folder} is incomplete or damaged ({error}); "
            "remove it and run again to train this member"
        ) from error


def remove_unfinished(members: str | Path) -> None:
    """Remove the unfinished folders that a killed run left in `members/`."""
    for folder in Path(members).glob(f"*/*{_UNFINISHED}"):
        shutil.rmtree(folder, ignore_errors=True)


def _checksums(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files_below(folder)
        if file.name != _CHECKSUMS
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
