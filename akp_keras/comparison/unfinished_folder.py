"""A folder that appears whole, and work on it that goes on after an interruption."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

_REQUEST = "request.json"


def check_output(output: str | Path) -> None:
    """Refuses an output folder that is there already or cannot be made.

    Raises:
        ValueError: in one line that names it.
    """
    output = Path(output)
    if output.is_dir() and not any(output.iterdir()):
        pass
    elif output.exists() or output.is_symlink():
        raise ValueError(f"output {output} exists already; remove it or name another folder")
    above = next(path for path in output.absolute().parents if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(
            f"output {output} cannot be made: {above} is no folder that can be written"
        )


@contextlib.contextmanager
def unfinished_folder(output: str | Path, request: Mapping[str, object]) -> Iterator[Path]:
    """Gives a folder to work in, beside the output.

    It stays where the process is killed or interrupted, and is given again, as it was left, to
    the next that asks for the same; wrong input leaves nothing.

    Args:
        output: the folder that is to appear; an empty one may be there.
        request: what is worked on, in plain JSON types; work on anything else is begun anew.

    Yields:
        The folder to work in.

    Raises:
        ValueError: in one line, if the output exists, cannot be made, or is being worked on.
    """
    check_output(output)
    output = Path(output).absolute()
    folder = output.with_name(f"{output.name}.unfinished")
    text = json.dumps(request, sort_keys=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ValueError(f"output {output} cannot be made: {error.strerror}") from error
    try:
        try:
            # On the folder itself: the lock leaves no file, and ends with the process.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ValueError(
                f"output {output} is being made by another process; wait for it or name another"
            ) from error
        try:
            _take_up(folder, text)
            yield folder
        except (ValueError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
    finally:
        os.close(descriptor)


def _take_up(folder: Path, request: str) -> None:
    kept = folder / _REQUEST
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if kept.read_text() == request:
            return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    unfinished = folder / f"{_REQUEST}.unfinished"
    unfinished.write_text(request)
    unfinished.replace(kept)
