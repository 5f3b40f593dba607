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
_UNFINISHED_REQUEST = f"{_REQUEST}.unfinished"


def check_output(output: str | Path) -> None:
    """Refuses an output folder that is there already or cannot be made.

    Raises:
        ValueError: in one line that names it.
    """
    output = Path(output)
    if output.is_dir() and not any(output.iterdir()):
        pass
    elif output.exists() or output.is_symlink():
        raise ValueError(f"output={output} exists already; remove it or name another folder")
    above = next(path for path in output.absolute().parents if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(
            f"output={output} cannot be made: {above} is no folder that can be written"
        )


@contextlib.contextmanager
def locked_folder(folder: str | Path, what: str) -> Iterator[Path]:
    """Makes a folder if need be, and lets no other process into the same block meanwhile.

    Args:
        folder: the folder.
        what: how a message names it, for example `--pipeline_root=ROOT`.

    Yields:
        The folder.

    Raises:
        ValueError: in one line, if it cannot be made, or another process holds it.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ValueError(f"{what} cannot be made: {error.strerror}") from error
    try:
        try:
            # On the folder itself: the lock leaves no file, and ends with the process.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat())
        except OSError:
            held = False
        if not held:
            raise ValueError(
                f"{what} is being written by another process; wait for it or name another"
            )
        yield folder
    finally:
        os.close(descriptor)


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
    text = json.dumps(request, sort_keys=True)
    with locked_folder(_beside(output), f"output={output}") as folder:
        _check_own(folder)
        try:
            # Another may have ended between the first check and the lock.
            check_output(output)
            _take_up(folder, text)
            yield folder
        except (ValueError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise


@contextlib.contextmanager
def whole_folder(output: str | Path) -> Iterator[Path]:
    """Gives a folder to write into, which becomes the output when the block ends well.

    Args:
        output: the folder to make; an empty one may be there.

    Yields:
        An empty folder beside it. If the block raises, nothing is left of it.

    Raises:
        ValueError: in one line, if the output exists, cannot be made, or is being worked on, or
            something else lies where it would be worked on.
    """
    check_output(output)
    output = Path(output).absolute()
    with locked_folder(_beside(output), f"output={output}") as folder:
        _check_own(folder)
        try:
            check_output(output)
            _empty(folder)
            # What a killed process leaves is known by it.
            (folder / _UNFINISHED_REQUEST).touch()
            work = folder / "work"
            work.mkdir()
            yield work
            work.replace(output)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _beside(output: Path) -> Path:
    return output.with_name(f"{output.name}.unfinished")


def _check_own(folder: Path) -> None:
    """Refuses to work in, and so to empty, a folder that is not of unfinished work."""
    names = {path.name for path in folder.iterdir()}
    if names and not names & {_REQUEST, _UNFINISHED_REQUEST}:
        raise ValueError(
            f"{folder} is in the way: it holds something else than unfinished work; move it, or "
            "name another output"
        )


def _take_up(folder: Path, request: str) -> None:
    kept = folder / _REQUEST
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if kept.read_text() == request:
            return
    _empty(folder)
    unfinished = folder / _UNFINISHED_REQUEST
    unfinished.write_text(request)
    unfinished.replace(kept)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
