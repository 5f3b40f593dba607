"""The folder `members/<family>/<seed>/`, written and read.

saved_model/   the SavedModel contract; assets.extra/akp.json has swaps, metrics, settings, versions
history.csv    one row per epoch
snapshots/     representations of the probe set during training, where they were asked for
checksums.json SHA-256 of every file above, so that damage is seen before anything is loaded
"""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from akp_keras.export.member_record import MemberRecord
from akp_keras.export.saved_model import read_description, save_member
from akp_keras.export.snapshots import Snapshots, write_snapshots
from akp_keras.files.below import content_digest, files_below
from akp_keras.files.whole import UNFINISHED, read_json, write_json

if TYPE_CHECKING:
    import keras

SAVED_MODEL = "saved_model"
_HISTORY = "history.csv"
_CHECKSUMS = "checksums.json"


def write_member(
    folder: str | Path,
    record: MemberRecord,
    model: keras.Model,
    *,
    description: Mapping[str, object],
    snapshots: Snapshots | None = None,
) -> None:
    """Write a trained member; the folder appears whole, by rename, or not at all.

    Args:
        folder: `members/<family>/<seed>`.
        record: what is known of the member beside its weights.
        model: the trained model.
        description: what else `assets.extra/akp.json` says, for example the data set.
        snapshots: representations taken during training; None where none were.
    """
    folder = Path(folder)
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}{UNFINISHED}")
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
            "settings": dict(record.settings),
            "versions": dict(record.versions),
        },
    )
    with (unfinished / _HISTORY).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["epoch", *record.history])
        writer.writerows(
            [epoch, *map(repr, row)]
            for epoch, row in enumerate(zip(*record.history.values(), strict=True))
        )
    if snapshots is not None:
        write_snapshots(unfinished, snapshots)
    write_json(unfinished / _CHECKSUMS, _checksums(unfinished), sort_keys=True)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def read_member(folder: str | Path) -> MemberRecord:
    """Read what `write_member` wrote, without loading the model.

    Raises:
        ValueError: if a file is missing or damaged, in one line that names it.
    """
    folder = Path(folder)
    try:
        expected = read_json(folder / _CHECKSUMS)
        written = _checksums(folder)
        for file in sorted({*expected, *written}):
            if expected.get(file) != written.get(file):
                raise ValueError(f"{file} is not as it was written")
        description = read_description(folder / SAVED_MODEL)
        with (folder / _HISTORY).open(newline="") as file:
            header, *rows = csv.reader(file)
        columns = zip(*([float(cell) for cell in row[1:]] for row in rows), strict=True)
        return MemberRecord(
            family=description["family"],
            seed=description["seed"],
            schedule=description["schedule"],
            layers=tuple(description["layers"]),
            metrics=description["metrics"],
            history=dict(zip(header[1:], columns, strict=True)),
            swaps=tuple(description["swaps"]),
            steps_per_epoch=description["steps_per_epoch"],
            settings=description.get("settings", {}),
            versions=description.get("versions", {}),
        )
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"member folder {folder} is incomplete or damaged ({error}); "
            "remove it and run again to train this member anew"
        ) from error


def member_digest(folder: str | Path) -> str:
    """Return a digest of all files of a member whose folder `read_member` has checked."""
    return content_digest(Path(folder) / _CHECKSUMS)


def _checksums(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files_below(folder)
        if file.name != _CHECKSUMS
    }
