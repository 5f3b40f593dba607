"""Representations as users have them: arrays, files, functions, batches, with or without ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from akp_keras.similarity import files
from akp_keras.similarity.arrays import is_frame, is_of, real_array

KINDS = ("features", "kernel", "dissimilarities")


@dataclass(frozen=True)
class Representation:
    """Activations of one layer on the probe set, or what was made of them, with the samples' ids.

    Attributes:
        values: (n, d) or (n, …, c) features; or (n, n) of pairs of samples, see `kind`.
        ids: (n,) identifiers of the samples in order, or None where the order is trusted.
        kind: "features"; "kernel", a symmetric kernel matrix, for measures that start from the
            linear one; or "dissimilarities", a symmetric matrix with a zero diagonal, for measures
            that start from distances or dissimilarities, whichever their identifier names.
        reorder: whether samples that stand in another order than those of the representations
            before are put into theirs, by the ids; otherwise they are refused. Those of data
            frames are put into order.
        channels_first: whether values are (n, c, …); None where that is not known, as of PyTorch's
            maps, which may be either.
    """

    values: Any
    ids: Any = None
    kind: str = "features"
    reorder: bool = False
    channels_first: bool | None = False


# An array or a data frame; a Representation; a path of an .npy, .npz, .h5 or .csv file, with
# "::key" after it where the file has several arrays; batches, as an iterator or a list of arrays
# of two axes or more or of (ids, array); or a function without arguments that returns any of
# these, called when the representation is prepared and not kept.
Source: TypeAlias = "np.ndarray | Representation | str | Path | Iterable[Any] | Callable[[], Any]"


def load(source: Source, name: str) -> Representation:
    """Read a representation.

    Args:
        source: see `Source`.
        name: its name, for messages.

    Returns:
        NumPy arrays. The ids of a data frame are its index.

    Raises:
        ValueError: naming the representation, if it cannot be read or is not numeric.
    """
    if callable(source) and not isinstance(source, Representation):
        source = source()
    if isinstance(source, Representation):
        loaded = source
    elif isinstance(source, str | Path):
        loaded = Representation(*files.read(str(source), name))
    elif isinstance(source, list | tuple) and _is_batches(source):
        loaded = _gathered(source, name)
    elif isinstance(source, list | tuple) or _is_array(source):
        loaded = Representation(source)
    elif isinstance(source, Iterable) and not isinstance(source, Mapping):
        loaded = _gathered(source, name)
    else:
        raise ValueError(
            f"representation {name!r} is a {type(source).__name__}; an array, a Representation, "
            "a path of a file, batches, or a function that returns any of these is needed"
        )
    if loaded.ids is None and is_frame(loaded.values):
        loaded = replace(loaded, ids=_index(loaded.values, name), reorder=True)
    if is_of(loaded.values, "torch") and loaded.values.ndim > 3:
        loaded = replace(loaded, channels_first=None)
    values = real_array(loaded.values, name)
    if loaded.kind != "features":
        _check_matrix(values, loaded.kind, name)
    return replace(loaded, values=values, ids=_checked_ids(loaded.ids, len(values), name))


def _is_array(source: Any) -> bool:
    return hasattr(source, "__array__") or hasattr(source, "toarray")


def _is_batches(source: Sequence[Any]) -> bool:
    """Say whether a list is one of batches, and not of samples."""
    if not source:
        return False
    batch = source[0]
    if isinstance(batch, tuple) and len(batch) == 2:
        batch = batch[1]
    return _is_array(batch) and getattr(batch, "ndim", 0) >= 2


def _gathered(batches: Iterable[Any], name: str) -> Representation:
    ids, values = [], []
    channels_first: bool | None = False
    for batch in batches:
        if isinstance(batch, tuple) and len(batch) == 2:
            ids.append(np.asarray(batch[0]))
            batch = batch[1]
        elif is_frame(batch):
            ids.append(_index(batch, name))
        if is_of(batch, "torch") and batch.ndim > 3:
            channels_first = None
        values.append(real_array(batch, name))
    if not values:
        raise ValueError(f"representation {name!r} has no batches")
    if ids and len(ids) < len(values):
        raise ValueError(f"representation {name!r} has ids for some batches and not for others")
    shapes = {array.shape[1:] for array in values}
    if len(shapes) > 1:
        raise ValueError(f"representation {name!r} has batches of different widths: {shapes}")
    return Representation(
        np.concatenate(values),
        np.concatenate(ids) if ids else None,
        channels_first=channels_first,
    )


def _check_matrix(values: np.ndarray, kind: str, name: str) -> None:
    if kind not in KINDS:
        raise ValueError(
            f"representation {name!r} is of the kind {kind!r}; it is one of {', '.join(KINDS)}"
        )
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(
            f"representation {name!r} has shape {values.shape}; a matrix of {kind} is n × n"
        )
    if not np.allclose(values, values.T, rtol=1e-6, atol=1e-9 * np.abs(values).max(initial=0.0)):
        raise ValueError(f"representation {name!r} is not symmetric; a matrix of {kind} is")
    if kind == "dissimilarities" and np.abs(np.diagonal(values)).any():
        raise ValueError(
            f"representation {name!r} has a diagonal that is not zero; a sample does not differ "
            "from itself"
        )


def _index(frame: Any, name: str) -> np.ndarray:
    if frame.index.nlevels > 1:
        raise ValueError(
            f"representation {name!r} has an index of {frame.index.nlevels} levels; one level "
            "that names the samples is needed"
        )
    return frame.index.to_numpy()


def _checked_ids(ids: Any, samples: int, name: str) -> np.ndarray | None:
    if ids is None:
        return None
    ids = _plain_ids(ids, name)
    if ids.shape != (samples,):
        raise ValueError(
            f"representation {name!r} has ids of shape {ids.shape} for {samples} samples"
        )
    if len(np.unique(ids)) < len(ids):
        raise ValueError(f"representation {name!r} has the same id for several samples")
    return ids


def _plain_ids(ids: Any, name: str) -> np.ndarray:
    """Return ids as strings or numbers, also where an array holds them as Python objects."""
    array = np.asarray(ids)
    if array.dtype == object:
        kinds = {str if isinstance(value, str) else type(value) for value in array.ravel()}
        if not (kinds == {str} or kinds <= {int, np.int64}):
            raise ValueError(
                f"representation {name!r} has ids of kinds "
                f"{', '.join(sorted(kind.__name__ for kind in kinds))}; strings alone or whole "
                "numbers alone are needed"
            )
        array = np.array(array.tolist())
    return array


def align(representation: Representation, name: str, ids: np.ndarray, other: str) -> Representation:
    """Hold the samples of a representation against those of another.

    Args:
        representation: with ids.
        name: its name.
        ids: those of the other.
        other: the other's name.

    Returns:
        The representation with its samples in the other's order.

    Raises:
        ValueError: if they are not the same samples, or not in the same order.
    """
    own = representation.ids
    if np.array_equal(own, ids):
        return representation
    if len(own) == len(ids) and set(own.tolist()) == set(ids.tolist()):
        if not representation.reorder:
            raise ValueError(
                f"representation {name!r} has the same samples in another order than {other!r}"
            )
        place = {value: row for row, value in enumerate(own.tolist())}
        rows = np.array([place[value] for value in ids.tolist()])
        values = representation.values[rows]
        return replace(
            representation,
            values=values if representation.kind == "features" else values[:, rows],
            ids=ids,
        )
    missing = len(set(ids.tolist()) - set(own.tolist()))
    added = len(set(own.tolist()) - set(ids.tolist()))
    raise ValueError(
        f"representation {name!r} has other samples ({missing} missing, {added} added) than "
        f"{other!r}"
    )
