"""Memory that is used again for one representation after the other.

Where an operating system gives out fresh memory and takes it back for every large array, that can
cost more than what is computed in it, most of all with several threads.
"""

from __future__ import annotations

import math
import mmap
import tempfile
from collections.abc import Hashable

import numpy as np
from numpy.typing import DTypeLike


class Scratch:
    """Arrays by name, valid until the next one of that name is taken.

    Args:
        limit: bytes of an array above which it lies in a temporary file.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self._limit = limit
        self._buffers: dict[Hashable, np.ndarray] = {}

    def take(
        self, name: Hashable, shape: tuple[int, ...], dtype: DTypeLike = np.float64
    ) -> np.ndarray:
        """Return an array of this shape in C order, with any contents."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < size:
            buffer = self._buffers[name] = self._buffer(size)
        return buffer[:size].view(dtype).reshape(shape)

    def _buffer(self, size: int) -> np.ndarray:
        if size <= self._limit:
            return np.empty(size, dtype=np.uint8)
        # The file has no name, and is gone with the last array that lies in it.
        with tempfile.TemporaryFile(prefix="similarity.") as file:
            file.truncate(size)
            return np.memmap(file, dtype=np.uint8, shape=(size,))


def is_mapped(array: np.ndarray) -> bool:
    """Return whether an array lies in a file."""
    return _mapping(array) is not None


def let_go(array: np.ndarray) -> None:
    """Give back the memory of an array that lies in a file, and keep its contents there."""
    mapping = _mapping(array)
    # Windows has no such call, and takes pages back by itself.
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def _mapping(array: np.ndarray) -> mmap.mmap | None:
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None
