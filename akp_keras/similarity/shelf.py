"""Prepared factors of all representations, in memory or, where they do not fit, on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from akp_keras.similarity.scratch import let_go
from akp_keras.similarity.statistic import Prepared, Tile, stack


class Shelf:
    """Keeps what a statistic prepared, in order, and hands out tiles of it.

    Args:
        members: how many representations there will be at most.
        memory: bytes that may be held; a shelf that needs more keeps its arrays in files.
        dtype: to which arrays of float64 are rounded; numbers are kept as they are.
        folder: where these files go; by default the system's folder for temporary files.
    """

    def __init__(
        self,
        members: int,
        memory: float,
        dtype: DTypeLike = np.float64,
        folder: str | Path | None = None,
    ) -> None:
        self._members = members
        self._memory = memory
        self._dtype = np.dtype(dtype)
        self._folder = folder
        self._files: tempfile.TemporaryDirectory | None = None
        # In memory one array (members, …) for each name, so that a tile is a view of it and a
        # product needs no copy; or, of different shapes and on disk, arrays for each member.
        self._columns: dict[str, np.ndarray] = {}
        self._rows: list[Prepared] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, prepared: Prepared) -> None:
        """Take a copy of the next representation's arrays."""
        if self._count == 0:
            if self._bytes(prepared) * self._members > self._memory:
                self._open_folder()
            else:
                self._columns = {
                    name: np.empty((self._members, *array.shape), dtype=self._type(array))
                    for name, array in prepared.items()
                }
        if self._columns and not self._fits(prepared):
            self._rows = [
                {name: column[i].copy() for name, column in self._columns.items()}
                for i in range(self._count)
            ]
            self._columns = {}
        if self._columns:
            for name, array in prepared.items():
                self._columns[name][self._count] = array
        else:
            self._rows.append(self._copied(prepared, self._count))
            if self._files is None and self.held > self._memory:
                self._open_folder()
                self._rows = [self._copied(row, i) for i, row in enumerate(self._rows)]
        self._count += 1

    @property
    def held(self) -> int:
        """Bytes of the arrays in memory; 0 where they are in files."""
        if self._files is not None:
            return 0
        rows = sum(array.nbytes for row in self._rows for array in row.values())
        return rows + sum(array.nbytes for array in self._columns.values())

    @property
    def largest(self) -> int:
        """Bytes of the largest representation's arrays."""
        if self._columns:
            return sum(column[0].nbytes for column in self._columns.values())
        return max(sum(array.nbytes for array in row.values()) for row in self._rows)

    @property
    def is_on_disk(self) -> bool:
        """Whether arrays lie in files."""
        return self._files is not None

    def tile(self, start: int, stop: int, *, in_memory: bool = True) -> Tile:
        """Return the arrays of the representations from `start` up to `stop`.

        Args:
            start: the first.
            stop: the one after the last.
            in_memory: whether arrays that lie in files are read; otherwise they are memory maps,
                a list for each name.
        """
        if self._columns:
            return {name: column[start:stop] for name, column in self._columns.items()}
        rows = self._rows[start:stop]
        if self._files is None or in_memory:
            tile = stack(rows)
            for array in (array for row in rows for array in row.values()):
                let_go(array)
            return tile
        return {name: [row[name] for row in rows] for name in rows[0]}

    def close(self) -> None:
        """Let go of arrays and files."""
        self._columns, self._rows = {}, []
        if self._files is not None:
            self._files.cleanup()
            self._files = None

    def _open_folder(self) -> None:
        self._files = tempfile.TemporaryDirectory(prefix="similarity.", dir=self._folder)

    def _type(self, array: np.ndarray) -> np.dtype:
        return self._dtype if array.ndim and array.dtype == np.float64 else array.dtype

    def _bytes(self, prepared: Prepared) -> int:
        return sum(array.size * self._type(array).itemsize for array in prepared.values())

    def _fits(self, prepared: Prepared) -> bool:
        return all(self._columns[name].shape[1:] == array.shape for name, array in prepared.items())

    def _copied(self, prepared: Prepared, index: int) -> Prepared:
        copies = {}
        for name, array in prepared.items():
            dtype = self._type(array)
            # Numbers and the like are not worth a file.
            if self._files is None or array.nbytes < 4096:
                copies[name] = array.astype(dtype)
                continue
            path = Path(self._files.name) / f"{index}.{name}"
            file = copies[name] = np.memmap(path, dtype=dtype, mode="w+", shape=array.shape)
            rows = max(1, 2**20 // max(array[0].size, 1))
            for start in range(0, len(array), rows):
                file[start : start + rows] = array[start : start + rows]
                let_go(file)
                let_go(array)
        return copies
