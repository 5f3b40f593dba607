"""Folders that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Says that the folder may be replaced: what else lies in a folder was put there by somebody.
_SIGN = "akp_tensorboard.json"


def is_experiment(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder is there and whole, as `replacing` leaves it."""
    return (Path(folder) / _SIGN).is_file()


@contextmanager
def replacing(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives an empty folder to write into, which then takes the place of the named one.

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
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for TensorBoard's files")
    if folder.exists() and any(folder.iterdir()) and not (folder / _SIGN).is_file():
        raise ValueError(
            f"{folder} holds files that akp_keras.tensorboard did not write; name another folder"
        )
    partial = folder.with_name(f".{folder.name}.partial")
    replaced = folder.with_name(f".{folder.name}.replaced")
    for leftover in (partial, replaced):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        (partial / _SIGN).write_text(json.dumps({"format": 1}) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    finally:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        for leftover in (partial, replaced):
            shutil.rmtree(leftover, ignore_errors=True)
