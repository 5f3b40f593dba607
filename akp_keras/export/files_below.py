"""The files in a folder and its subfolders, with links followed, and a digest of their contents."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: str | Path) -> Iterator[Path]:
    """Walk through a folder and through the folders that its links lead to.

    `Path.rglob` does not follow links.

    Args:
        folder: the folder to begin with.

    Yields:
        The path of every file, from `folder` on, in the order of names. A link back to a folder
        that is being walked through is skipped.

    Raises:
        ValueError: if a link is dangling.
        OSError: if a folder cannot be read.
    """
    yield from _walk(Path(folder), ())


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _walk(path, (*above, identity))
        elif path.is_file():
            yield path
        elif path.is_symlink():
            raise ValueError(f"link {path} leads nowhere; repair or remove it")


def content_digest(place: str | Path) -> str:
    """Return SHA-256 of a file's content, or of the names and contents of all files in a folder."""
    place = Path(place)
    digest = hashlib.sha256()
    files = (
        [(str(file.relative_to(place)), file) for file in files_below(place)]
        if (place.is_dir())
        else [("", place)]
    )
    for name, file in sorted(files):
        digest.update(os.fsencode(f"{name}\0{file.stat().st_size}\0"))
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
