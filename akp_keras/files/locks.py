"""Locks on folders, for one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

# Says who holds the lock; a killed process leaves it, and the next one replaces it.
HOLDER_FILE = ".lock"


@contextlib.contextmanager
def locked_folder(folder: str | Path, what: str) -> Iterator[Path]:
    """Lock a folder for this process, and create it if needed.

    A folder that was created here is removed if the block raises and leaves it empty.

    Args:
        folder: the folder. While it is locked, its file `.lock` says who holds the lock.
        what: name of the folder in messages, for example `--pipeline_root=ROOT`.

    Yields:
        The folder.

    Raises:
        ValueError: in one line, if it cannot be made or locked, or another process holds the lock.
    """
    folder = Path(folder)
    made = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    descriptor = _opened(folder, what)
    try:
        _lock(descriptor, folder, what)
        _write_holder(folder)
        try:
            yield folder
            made = []
        finally:
            # Only by who holds the lock: another process may have just locked an empty folder.
            with contextlib.suppress(OSError):
                (folder / HOLDER_FILE).unlink()
            for path in made:
                with contextlib.suppress(OSError):
                    path.rmdir()
    finally:
        os.close(descriptor)


def _opened(folder: Path, what: str) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder, os.O_RDONLY)
    except OSError as error:
        dangling = folder.is_symlink() and not folder.exists()
        reason = "it is a link to a folder that does not exist" if dangling else error.strerror
        raise ValueError(f"{what} cannot be made: {reason}") from error


def _lock(descriptor: int, folder: Path, what: str) -> None:
    try:
        # A lock on the folder itself ends with the process.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held it before may have removed the folder meanwhile.
        held = folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat())
    except BlockingIOError:
        held = False
    except OSError as error:
        raise ValueError(f"{what} cannot be locked: {error.strerror}") from error
    if not held:
        raise ValueError(
            f"{what} is in use by {_holder(folder)}; wait for it, or name another folder"
        )


def _write_holder(folder: Path) -> None:
    holder = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }
    # A folder may be locked in order to read it only.
    with contextlib.suppress(OSError):
        (folder / HOLDER_FILE).write_text(json.dumps(holder))


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER_FILE).read_text())
        return f"process {holder['process']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
