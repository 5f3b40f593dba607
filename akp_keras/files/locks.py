"""Locks on folders, for one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked_folder(folder: str | Path, what: str) -> Iterator[Path]:
    """Lock a folder for this process, and create it if needed.

    A folder that was created here is removed if it is empty at the end.

    Args:
        folder: the folder.
        what: name of the folder in messages, for example `--pipeline_root=ROOT`.

    Yields:
        The folder.

    Raises:
        ValueError: in one line, if it cannot be made, or another process holds the lock.
    """
    folder = Path(folder)
    made = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise ValueError(f"{what} cannot be made: {error.strerror}") from error
    try:
        try:
            # A lock on the folder itself leaves no file, and ends with the process.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat())
        except OSError:
            held = False
        if not held:
            raise ValueError(
                f"{what} is in use by another process; wait for it, or name another folder"
            )
        yield folder
        made = []
    finally:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        os.close(descriptor)
