"""Folders that are created whole, by work that can resume after an interruption."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from akp_keras.failures import named_file
from akp_keras.files.locks import HOLDER_FILE, locked_folder
from akp_keras.files.whole import UNFINISHED

# Distinguishes a folder of unfinished work from a foreign folder.
_REQUEST = "request.json"


def check_output(output: str | Path) -> None:
    """Raise a ValueError, naming it, if an output exists and is not empty, or cannot be made."""
    output = Path(output)
    if output.is_dir() and not any(output.iterdir()):
        pass
    elif output.exists() or output.is_symlink():
        raise ValueError(f"output={output} already exists; remove it or name another folder")
    check_writable(output, f"output={output}")


def check_writable(folder: str | Path, what: str) -> None:
    """Raise a ValueError if a folder cannot be made or written to.

    Args:
        folder: the folder; it need not exist.
        what: name of the folder in messages.

    Raises:
        ValueError: in one line that names the folder.
    """
    folder = Path(folder).absolute()
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        failing = "written to" if above == folder else "made"
        raise ValueError(
            f"{what} cannot be {failing}: {above} is not a folder that can be written to"
        )


@contextlib.contextmanager
def unfinished_folder(output: str | Path, request: Mapping[str, object]) -> Iterator[Path]:
    """Yield a work folder next to the output, which can be resumed.

    The folder is kept if the process is killed or interrupted, and is yielded again, unchanged,
    for an equal request; it is removed after a ValueError or OSError.

    Args:
        output: the folder to create; it may exist if it is empty.
        request: a description of the work, in plain JSON types; other work starts from an empty
            folder.

    Yields:
        The work folder.

    Raises:
        ValueError: in one line, if the output exists, cannot be made or is in use, or the place of
            the work folder is taken.
    """
    text = json.dumps(request, sort_keys=True)
    with _work_beside(output) as folder:
        try:
            _resume(folder, text)
            yield folder
        except (ValueError, OSError):
            shutil.rmtree(folder, ignore_errors=True)
            raise


@contextlib.contextmanager
def whole_folder(output: str | Path) -> Iterator[Path]:
    """Yield an empty folder, which becomes the output if the block succeeds.

    Args:
        output: the folder to create; it may exist if it is empty.

    Yields:
        A folder next to it, which is removed if the block raises.

    Raises:
        ValueError: in one line, if the output exists, cannot be made or is in use, or the place of
            the work folder is taken.
    """
    with _work_beside(output) as folder:
        try:
            _empty(folder)
            # Marks what a killed process may leave behind.
            (folder / _REQUEST).touch()
            work = folder / "work"
            work.mkdir()
            yield work
            work.replace(Path(output).absolute())
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _work_beside(output: str | Path) -> Iterator[Path]:
    check_output(output)
    output = Path(output).absolute()
    with locked_folder(output.with_name(output.name + UNFINISHED), f"output={output}") as folder:
        names = {path.name for path in folder.iterdir()} - {HOLDER_FILE}
        if names and _REQUEST not in names:
            raise ValueError(
                f"{folder} is in the way: it is not a folder of unfinished work; move it, or name "
                "another output"
            )
        # Another process may have ended between the first check and the lock.
        check_output(output)
        with named_file(output):
            yield folder


def _resume(folder: Path, request: str) -> None:
    kept = folder / _REQUEST
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if kept.read_text() == request:
            return
    _empty(folder)
    # If half-written, it equals no request, and the work starts again.
    kept.write_text(request)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name == HOLDER_FILE:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
