"""Representations in files: `.npy`, `.npz`, `.h5`, `.csv`; `::key` names the array in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from akp_keras.numpy_files import UNREADABLE, open_arrays
from akp_keras.similarity.arrays import real_array

_KNOWN = (
    "an .npy file, an .npz or .h5 file with `values` and, if known, `ids`, or with another array "
    "named as in 'file.npz::key', or a .csv file with a row per sample is needed"
)


def read(source: str, name: str) -> tuple[Any, Any]:
    """Read an array and, if the file has them, the samples' ids.

    Args:
        source: a path; after `::`, the key of the array in an `.npz` or `.h5` file (by default
            `values`, or the only array), or the column of a `.csv` file that holds the ids.
        name: the representation's name, for messages.

    Returns:
        (n, …) values, and (n,) ids or None; of `.csv` a data frame.

    Raises:
        ValueError: naming the representation, the file and what would be right.
    """
    path, _, key = source.partition("::")
    reader = _READERS.get(Path(path).suffix.lower())
    try:
        if reader is None:
            raise OSError("its format is not known" if Path(path).exists() else "no such file")
        return reader(Path(path), key, name)
    except ImportError as error:
        raise ValueError(
            f"representation {name!r}: {path} needs the package {error.name}, which is not "
            "installed"
        ) from error
    except UNREADABLE as error:
        if isinstance(error, _WrongKey):
            raise ValueError(f"representation {name!r}: {path} {error}") from None
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"representation {name!r}: {path} cannot be read ({reason}); {_KNOWN}"
        ) from error


class _WrongKey(ValueError):
    """A key that is not in the file, or is missing."""


def _choose(path: Path, key: str, keys: Sequence[str]) -> str:
    """Return the key of the array that is meant."""
    others = [known for known in keys if known != "ids"]
    if not key and "values" in keys:
        return "values"
    if not key and len(others) == 1:
        return others[0]
    if key in keys:
        return key
    _refuse(path, key, others)


def _refuse(path: Path, key: str, keys: Sequence[str]) -> NoReturn:
    if not keys:
        raise _WrongKey("holds no array")
    shown = ", ".join(keys[:8]) + (", …" if len(keys) > 8 else "")
    reason = f"has no array {key!r}" if key else "has several arrays"
    raise _WrongKey(f"{reason}; name one of {shown or 'none'} as in '{path.name}::{keys[0]}'")


def _npy(path: Path, key: str, name: str) -> tuple[Any, Any]:
    if key:
        raise _WrongKey(f"holds one array and takes no key: leave out '::{key}'")
    return np.load(path, mmap_mode="r", allow_pickle=False), None


def _npz(path: Path, key: str, name: str) -> tuple[Any, Any]:
    with open_arrays(path) as file:
        return file[_choose(path, key, file.files)], file.get("ids")


def _h5(path: Path, key: str, name: str) -> tuple[Any, Any]:
    import h5py

    with h5py.File(path) as file:
        keys: list[str] = []
        file.visititems(
            lambda known, item: keys.append(known) if isinstance(item, h5py.Dataset) else None
        )
        values = file[_choose(path, key.strip("/"), keys)][()]
        ids = file["ids"] if "ids" in keys else None
        if ids is not None:
            ids = ids.asstr()[()] if h5py.check_string_dtype(ids.dtype) else ids[()]
        return values, ids


def _csv(path: Path, key: str, name: str) -> tuple[Any, Any]:
    import pandas as pd

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    frame = pd.read_csv(path, sep=separator)
    if not key:
        return real_array(frame, name), None
    if key not in frame:
        _refuse(path, key, [str(column) for column in frame])
    return frame.set_index(key), None


_READERS: dict[str, Callable[[Path, str, str], tuple[Any, Any]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".h5": _h5,
    ".hdf5": _h5,
    ".csv": _csv,
    ".tsv": _csv,
}
