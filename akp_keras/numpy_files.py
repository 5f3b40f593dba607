"""NumPy's archives of arrays, opened within bounds, and the exceptions of damaged ones."""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    AttributeError,
    NotImplementedError,
    TypeError,
    RecursionError,
    # A header may ask for more memory than there is, whatever the size of the file.
    MemoryError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)
# Bytes up to which any archive is expanded; beyond them, up to this multiple of the file's size.
_ALWAYS = 2**28
_MOST_EXPANDED = 100


@contextlib.contextmanager
def open_arrays(path: str | Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Open an `.npz` file; no pickled object is read from it.

    Args:
        path: the file.

    Yields:
        The archive, whose arrays are read where they are asked for.

    Raises:
        ValueError: if its arrays would have more than 256 MB and a hundred times its own size, or
            it has other faults; these, as well as one of `UNREADABLE`.
    """
    with np.load(path, allow_pickle=False) as archive:
        expanded = sum(entry.file_size for entry in archive.zip.infolist())
        size = Path(path).stat().st_size
        if expanded > max(_ALWAYS, _MOST_EXPANDED * size):
            raise ValueError(
                f"its {size} bytes expand to {expanded}, more than {_MOST_EXPANDED} times as many"
            )
        yield archive
