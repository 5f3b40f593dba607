"""Files that are written whole, by rename, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from akp_keras.failures import named_file

UNFINISHED = ".unfinished"


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a path to write to, which is renamed to the file if the block succeeds.

    Args:
        path: the file; replaced if it exists.

    Yields:
        A path in the same folder, with the same suffix. If the block raises, it is removed and
        the file is unchanged.

    Raises:
        ValueError: in one line, if the path is that of a folder.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{UNFINISHED}{path.suffix}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, where a file is to be written; remove it")
    try:
        with named_file(path):
            yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text whole, with the same line ends on all systems.

    A file with the same content is not touched and keeps its time of modification.
    """
    path, content = Path(path), text.encode()
    if path.is_file() and path.read_bytes() == content:
        return
    with whole_file(path) as unfinished:
        unfinished.write_bytes(content)


def write_json(path: str | Path, value: object, *, sort_keys: bool = False) -> None:
    """Write JSON whole; equal values produce equal bytes.

    Raises:
        ValueError: if the value holds NaN or infinity, which JSON cannot represent.
    """
    write_text(path, json.dumps(value, indent=1, allow_nan=False, sort_keys=sort_keys) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: if the file is missing or damaged, in one line that names it.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is missing or damaged; remove it and run again") from error


def is_unfinished(path: str | Path) -> bool:
    """Return whether a path is, or lies in, an unfinished file or folder."""
    return any(UNFINISHED in Path(part).suffixes for part in Path(path).parts)


def remove_unfinished(folder: str | Path, pattern: str = "*") -> None:
    """Remove unfinished files and folders that a killed process left.

    Args:
        folder: the folder to search.
        pattern: pattern of paths below the folder, as in `Path.glob`.
    """
    import shutil

    for path in sorted(Path(folder).glob(pattern)):
        if UNFINISHED not in path.suffixes:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
