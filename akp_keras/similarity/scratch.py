"""Memory that is used again for one representation after the other.

Where an operating system gives out fresh memory and takes it back for every large array, that can
cost more than what is computed in it, most of all with several threads.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike


class Scratch:
    """Arrays by name, valid until the next one of that name is taken."""

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float64) -> np.ndarray:
        """An array of this shape in C order, with any contents."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.nbytes < size:
            buffer = self._buffers[name] = np.empty(size, dtype=np.uint8)
        return buffer[:size].view(dtype).reshape(shape)
