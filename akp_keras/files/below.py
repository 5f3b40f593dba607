"""The files below a folder, following links, and a digest of their contents."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: str | Path) -> Iterator[Path]:
    """Yield the files below a folder, following links, unlike `Path.rglob`.

    Args:
        folder: the folder.

    Yields:
        Every file, in the order of names, by its path through the folder. Links back to a parent
        folder are skipped.

    Raises:
        ValueError: in one line, if a link is broken.
        OSError: if a folder cannot be read.
    """
    yield from _walk(Path(folder), ())


def _walk(folder: Path, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _walk(path, (*above, here))
        elif path.is_file():
            yield path
        elif path.is_symlink():
            raise ValueError(f"link {path} is broken; repair or remove it")


def content_digest(place: str | Path) -> str:
    """Return a SHA-256 of a file, or of the names and contents of all files below a folder."""
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
