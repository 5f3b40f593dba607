"""Folders that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Say that the folder may be replaced: what else lies in a folder was put there by somebody.
_SIGN = "akp_tensorboard.json"
_LIVE_SIGN = "akp_tensorboard_live.json"


def is_experiment(folder: str | os.PathLike[str]) -> bool:
    """Return whether a folder exists and is complete, as `replacing` leaves it."""
    return (Path(folder) / _SIGN).is_file()


def begin_live(folder: str | os.PathLike[str]) -> Path:
    """Make an empty folder that is written into while TensorBoard reads it.

    It counts as not there: `is_experiment` says no, and `replacing` puts the whole result in its
    place.

    Args:
        folder: where it shall be. What an earlier call left there is removed.

    Returns:
        The folder.

    Raises:
        ValueError: if the folder is there and holds something else.
    """
    folder = Path(folder).absolute()
    _refuse_foreign(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _write_sign(folder / _LIVE_SIGN)
    return folder


def remove_written(folders: Iterable[Path]) -> None:
    """Remove folders that `replacing` wrote, up to the first that is missing or not its own."""
    for folder in folders:
        if not (folder / _SIGN).is_file():
            return
        shutil.rmtree(folder)


@contextmanager
def replacing(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield an empty folder to write into, which then replaces the named one.

    If the block raises, the named folder stays as it was and nothing else is left behind.

    Args:
        folder: where the result shall be. If it is there already, it must be empty or have been
            written by this function.

    Yields:
        The folder to write into, beside the named one.

    Raises:
        ValueError: if the folder is there and holds something else.
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
        _write_sign(partial / _SIGN)
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
    signs = (folder / _SIGN, folder / _LIVE_SIGN)
    if folder.exists() and any(folder.iterdir()) and not any(sign.is_file() for sign in signs):
        raise ValueError(
            f"{folder} holds files that akp_keras.tensorboard did not write; name another folder"
        )


def _write_sign(path: Path) -> None:
    path.write_text(json.dumps({"format": 1}) + "\n", encoding="utf-8")
