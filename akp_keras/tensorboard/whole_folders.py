"""Folders that are written atomically: they appear complete or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# These files mark a folder that may be replaced; other folders belong to somebody else.
_MARKER = "akp_tensorboard.json"
_LIVE_MARKER = "akp_tensorboard_live.json"


def is_experiment(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder exists and is complete, as `replacing` leaves it."""
    return (Path(folder) / _MARKER).is_file()


def begin_live(folder: str | os.PathLike[str]) -> Path:
    """Make an empty folder that is written into while TensorBoard reads it.

    It counts as missing: `is_experiment` returns False, and `replacing` replaces it by the whole
    result.

    Args:
        folder: path of the folder; the folder of an earlier call is removed.

    Returns:
        The folder.

    Raises:
        ValueError: if the folder exists and holds other files.
    """
    folder = Path(folder).absolute()
    _refuse_foreign(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_marker(folder / _LIVE_MARKER)
    return folder


def remove_written(folders: Iterable[Path]) -> None:
    """Remove folders that `replacing` wrote, up to the first that is missing or not its own."""
    for folder in folders:
        if not (folder / _MARKER).is_file():
            return
        shutil.rmtree(folder)


@contextmanager
def replacing(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder to write into, which then replaces the named one.

    If the block raises, the named folder is unchanged and nothing else is left behind.

    Args:
        folder: path of the result. An existing folder must be empty or have been written by this
            function.

    Yields:
        The folder to write into, beside the named one.

    Raises:
        ValueError: if the folder exists and holds other files.
    """
    folder = Path(folder).absolute()
    _refuse_foreign(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    replaced = folder.with_name(f".{folder.name}.replaced")
    for leftover in (partial, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        _write_marker(partial / _MARKER)
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    finally:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        for leftover in (partial, replaced):
            shutil.rmtree(leftover, ignore_errors=True)


def _refuse_foreign(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for TensorBoard's files")
    markers = (folder / _MARKER, folder / _LIVE_MARKER)
    is_own = any(marker.is_file() for marker in markers)
    if folder.exists() and any(folder.iterdir()) and not is_own:
        raise ValueError(
            f"{folder} holds files that akp_keras.tensorboard did not write; name another folder"
        )


def _write_marker(path: Path) -> None:
    path.write_text(json.dumps({"format": 1}) + "\n", encoding="utf-8")
