"""Representations as users have them: arrays, files, functions, batches, with or without ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from akp_keras.numpy_files import UNREADABLE


@dataclass(frozen=True)
class Representation:
    """Activations of one layer on the probe set, with the samples' ids.

    Attributes:
        values: (n, d) or (n, …, c).
        ids: (n,) identifiers of the samples in order, or None where the order is trusted.
    """

    values: np.ndarray
    ids: np.ndarray | None = None


# An array; a Representation; a path of an .npy file, or of an .npz file with `values` and `ids`;
# an iterator of batches, arrays or (ids, array); or a function without arguments that gives any
# of these, called when the representation is prepared and not kept.
Source: TypeAlias = "np.ndarray | Representation | str | Path | Iterable[Any] | Callable[[], Any]"


def load(source: Source, name: str) -> Representation:
    """Reads a representation.

    Args:
        source: see `Source`.
        name: its name, for messages.

    Raises:
        ValueError: naming the representation, if it cannot be read or is not numeric.
    """
    if callable(source):
        source = source()
    if isinstance(source, Representation):
        found = source
    elif isinstance(source, str | Path):
        found = _read(Path(source), name)
    elif hasattr(source, "__array__") or isinstance(source, list | tuple):
        found = Representation(real_array(source, name))
    elif isinstance(source, Iterable):
        found = _gather(source, name)
    else:
        raise ValueError(
            f"representation {name!r} is a {type(source).__name__}; an array, a Representation, "
            "a path of .npy or .npz, an iterator of batches, or a function that gives one is needed"
        )
    values = real_array(found.values, name)
    if found.ids is None:
        return Representation(values)
    ids = _plain_ids(found.ids, name)
    if ids.shape != values.shape[:1]:
        raise ValueError(
            f"representation {name!r} has ids of shape {ids.shape} for {len(values)} samples"
        )
    if len(np.unique(ids)) < len(ids):
        raise ValueError(f"representation {name!r} has the same id for several samples")
    return Representation(values, ids)


def _plain_ids(ids: Any, name: str) -> np.ndarray:
    """Ids as strings or numbers, also where an array holds them as Python objects."""
    array = np.asarray(ids)
    if array.dtype == object:
        kinds = {str if isinstance(one, str) else type(one) for one in array.ravel()}
        if not (kinds == {str} or kinds <= {int, np.int64}):
            raise ValueError(
                f"representation {name!r} has ids of kinds "
                f"{', '.join(sorted(kind.__name__ for kind in kinds))}; strings alone or whole "
                "numbers alone are needed"
            )
        array = np.array(array.tolist())
    return array


def check_ids(ids: np.ndarray, name: str, other_ids: np.ndarray, other: str) -> None:
    """Holds the samples of two representations against each other.

    Raises:
        ValueError: if they are not the same samples in the same order.
    """
    if np.array_equal(ids, other_ids):
        return
    if len(ids) == len(other_ids) and set(ids.tolist()) == set(other_ids.tolist()):
        reason = "the same samples in another order"
    else:
        missing = sorted(set(other_ids.tolist()) - set(ids.tolist()), key=str)
        extra = sorted(set(ids.tolist()) - set(other_ids.tolist()), key=str)
        reason = f"other samples ({len(missing)} missing, {len(extra)} added)"
    raise ValueError(f"representation {name!r} has {reason} than {other!r}")


def real_array(values: Any, name: str) -> np.ndarray:
    """The array of what a user gave.

    Raises:
        ValueError: naming the representation, if it is not an array of real numbers, or holds
            masked values.
    """
    if np.ma.is_masked(values):
        raise ValueError(
            f"representation {name!r} has {np.ma.count_masked(values)} masked values; fill them, "
            "or leave out their samples everywhere"
        )
    try:
        array = np.asanyarray(np.ma.getdata(values) if np.ma.isMA(values) else values)
    except ValueError as error:
        raise ValueError(
            f"representation {name!r} is ragged: its rows have different lengths"
        ) from error
    # bfloat16 and the 8-bit floats are extension types, of kind "V", that NumPy can widen.
    if array.dtype.kind == "V" and array.dtype.fields is None and "float" in array.dtype.name:
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"representation {name!r} has dtype {array.dtype}; real numbers are needed"
        )
    if array.ndim == 0:
        raise ValueError(f"representation {name!r} is a single number; n × d is needed")
    return array


def _read(path: Path, name: str) -> Representation:
    try:
        if path.suffix == ".npy":
            return Representation(np.load(path, mmap_mode="r", allow_pickle=False))
        with np.load(path, allow_pickle=False) as file:
            return Representation(file["values"], file.get("ids"))
    except UNREADABLE as error:
        raise ValueError(
            f"representation {name!r}: {path} cannot be read ({error}); an .npy file, or an .npz "
            "file with `values` and, if known, `ids` is needed"
        ) from error


def _gather(batches: Iterable[Any], name: str) -> Representation:
    ids, values = [], []
    for batch in batches:
        if isinstance(batch, tuple):
            ids.append(np.asarray(batch[0]))
            batch = batch[1]
        values.append(real_array(batch, name))
    if not values:
        raise ValueError(f"representation {name!r} has no batches")
    if ids and len(ids) < len(values):
        raise ValueError(f"representation {name!r} has ids for some batches and not for others")
    shapes = {array.shape[1:] for array in values}
    if len(shapes) > 1:
        raise ValueError(f"representation {name!r} has batches of different widths: {shapes}")
    return Representation(np.concatenate(values), np.concatenate(ids) if ids else None)
