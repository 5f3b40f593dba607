"""Prepared factors of all representations, in memory or, where they do not fit, on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from akp_keras.similarity.statistic import Prepared, Tile, stack


class Shelf:
    """Keeps what a statistic prepared, in order, and hands out tiles of it.

    Args:
        members: how many representations there will be.
        memory: bytes that may be held; a shelf that needs more keeps its arrays in files.
        folder: where these files go; by default the system's folder for temporary files.
    """

    def __init__(self, members: int, memory: float, folder: str | Path | None = None) -> None:
        self._members = members
        self._memory = memory
        self._folder = folder
        self._files: tempfile.TemporaryDirectory | None = None
        self._layout: list[dict[str, tuple[tuple[int, ...], np.dtype]]] = []
        self._columns: dict[str, np.ndarray] = {}
        self._rows: list[Prepared] = []

    def put(self, prepared: Prepared) -> None:
        """Takes a copy of the next representation's arrays."""
        index = len(self._layout)
        self._layout.append({name: (a.shape, a.dtype) for name, a in prepared.items()})
        bytes_here = sum(array.nbytes for array in prepared.values())
        if index == 0 and bytes_here * self._members > self._memory:
            self._files = tempfile.TemporaryDirectory(prefix="similarity.", dir=self._folder)
        if self._files is not None:
            with self._path(index).open("wb") as file:
                for array in prepared.values():
                    np.ascontiguousarray(array).tofile(file)
            return
        if index == 0:
            # One array for all, so that a tile is a view of it and a product needs no copy.
            self._columns = {
                name: np.empty((self._members, *array.shape), dtype=array.dtype)
                for name, array in prepared.items()
            }
        fits = self._columns and all(
            self._columns[name].shape[1:] == array.shape for name, array in prepared.items()
        )
        if fits:
            for name, array in prepared.items():
                self._columns[name][index] = array
            return
        if self._columns:
            self._rows = [
                {name: column[i].copy() for name, column in self._columns.items()}
                for i in range(index)
            ]
            self._columns = {}
        self._rows.append({name: np.array(array) for name, array in prepared.items()})
        if self.held > self._memory:
            self._files = tempfile.TemporaryDirectory(prefix="similarity.", dir=self._folder)
            for i, row in enumerate(self._rows):
                with self._path(i).open("wb") as file:
                    for array in row.values():
                        np.ascontiguousarray(array).tofile(file)
            self._rows = []

    @property
    def held(self) -> int:
        """Bytes of the arrays in memory; 0 where they are in files."""
        rows = sum(array.nbytes for row in self._rows for array in row.values())
        return rows + sum(array.nbytes for array in self._columns.values())

    @property
    def largest(self) -> int:
        """Bytes of the largest representation's arrays."""
        return max(
            sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in row.values())
            for row in self._layout
        )

    def tile(self, start: int, stop: int) -> Tile:
        """The arrays of the representations from `start` up to `stop`."""
        if self._files is not None:
            return self._read_tile(start, stop)
        if self._columns:
            return {name: column[start:stop] for name, column in self._columns.items()}
        return stack(self._rows[start:stop])

    def close(self) -> None:
        """Lets go of arrays and files."""
        self._columns, self._rows = {}, []
        if self._files is not None:
            self._files.cleanup()
            self._files = None

    def _read_tile(self, start: int, stop: int) -> Tile:
        """Reads into one array a name where shapes are equal, so that a tile is held once."""
        layouts = self._layout[start:stop]
        tile: dict[str, np.ndarray | list[np.ndarray]] = {}
        for name, (shape, dtype) in layouts[0].items():
            if all(layout[name] == (shape, dtype) for layout in layouts):
                tile[name] = np.empty((stop - start, *shape), dtype=dtype)
            else:
                tile[name] = [np.empty(*layout[name]) for layout in layouts]
        for offset in range(stop - start):
            with self._path(start + offset).open("rb") as file:
                for name in layouts[offset]:
                    # A slice, since indexing an array of numbers would copy the number out.
                    one = tile[name][offset : offset + 1]
                    file.readinto(np.reshape(one if isinstance(one, np.ndarray) else one[0], -1))
        return tile

    def _path(self, index: int) -> Path:
        return Path(self._files.name) / f"{index}.bin"
