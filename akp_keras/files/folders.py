"""Folders that appear whole, and work on them that resumes after an interruption."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from akp_keras.files.locks import locked_folder
from akp_keras.files.whole import UNFINISHED

# Tells a folder of unfinished work from one that somebody else put there.
_REQUEST = "request.json"


def check_output(output: str | Path) -> None:
    """Refuses an output folder that exists already or cannot be made; an empty one is allowed.

    Raises:
        ValueError: in one line that names it.
    """
    output = Path(output)
    if output.is_dir() and not any(output.iterdir()):
        pass
    elif output.exists() or output.is_symlink():
        raise ValueError(f"output={output} exists already; remove it or name another folder")
    check_writable(output, f"output={output}")


def check_writable(folder: str | Path, what: str) -> None:
    """Refuses a folder that cannot be made, or be written to.

    Args:
        folder: the folder; it need not exist.
        what: how a message names it.

    Raises:
        ValueError: in one line that names it.
    """
    folder = Path(folder).absolute()
    above = next(path for path in (folder, *folder.parents) if path.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise ValueError(f"{what} cannot be made: {above} is not a folder that can be written to")


@contextlib.contextmanager
def unfinished_folder(output: str | Path, request: Mapping[str, object]) -> Iterator[Path]:
    """Yields a folder to work in, beside the output.

    It stays where the process is killed or interrupted, and is yielded again, as it was left, to
    the next that asks for the same; wrong input leaves nothing.

    Args:
        output: the folder that is to appear; an empty one may exist.
        request: what is worked on, in plain JSON types; work on anything else begins anew.

    Yields:
        The folder to work in.

    Raises:
        ValueError: in one line, if the output exists, cannot be made, or is being worked on, or
            something else lies where it would be worked on.
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
    """Yields an empty folder, which becomes the output when the block ends well.

    Args:
        output: the folder to make; an empty one may exist.

    Yields:
        A folder beside it. If the block raises, nothing is left of it.

    Raises:
        ValueError: in one line, if the output exists, cannot be made, or is being worked on, or
            something else lies where it would be worked on.
    """
    with _work_beside(output) as folder:
        try:
            _empty(folder)
            # What a killed process leaves is known by it.
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
        names = {path.name for path in folder.iterdir()}
        if names and _REQUEST not in names:
            raise ValueError(
                f"{folder} is in the way: it holds something else than unfinished work; move it, "
                "or name another output"
            )
        # Another process may have ended between the first check and the lock.
        check_output(output)
        yield folder


def _resume(folder: Path, request: str) -> None:
    kept = folder / _REQUEST
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if kept.read_text() == request:
            return
    _empty(folder)
    # Half-written it equals no request, and the work begins anew.
    kept.write_text(request)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
