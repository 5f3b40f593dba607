"""The folder that a step writes: whole, or not at all."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_folder(output: str | Path) -> Iterator[Path]:
    """Gives a folder to write into, which becomes the output when the block ends well.

    Args:
        output: the folder to make; one that is there must be empty.

    Yields:
        An empty folder beside it. If the block raises, nothing is left of it.

    Raises:
        ValueError: in one line, if the output is there and not empty, or cannot be made.
    """
    output = Path(output)
    if output.exists() and not output.is_dir():
        raise ValueError(f"--output={output} is a file; name a folder")
    if output.is_dir() and any(output.iterdir()):
        raise ValueError(f"--output={output} is not empty; name another folder")
    unfinished = output.with_name(f".{output.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise ValueError(f"--output={output} cannot be made: {error.strerror}") from error
    try:
        yield unfinished
        unfinished.replace(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
