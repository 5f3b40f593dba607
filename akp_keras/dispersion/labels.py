"""Matching of labelled input: data frames, series, mappings, scikit-bio's distance matrices.

Neither pandas nor scikit-bio is imported: their objects are known by what they offer.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Key = TypeVar("Key", bound=Hashable)


def aligned(
    distances: Mapping[Key, ArrayLike], members: Sequence[str] | None
) -> tuple[dict[Key, ArrayLike], list[str] | None]:
    """Return distance matrices with their rows in the order of the members.

    Args:
        distances: for each key an array, a data frame or a `skbio.DistanceMatrix`. Labels that are
            not strings, such as a data frame's default index, are no names.
        members: names of the members in the order wanted; None for the order of the first matrix
            that has names.

    Returns:
        The matrices, those with names ordered by them, and the members' names: as given, else as
        the first matrix with names has them, else None.

    Raises:
        ValueError: if the rows and columns of a matrix have different names, or its names are
            not those of the members.
    """
    read = {key: _read(matrix, _called(key, distances)) for key, matrix in distances.items()}
    names = None if members is None else [str(name) for name in members]
    if names is None:
        names = next((labels for _, labels in read.values() if labels is not None), None)
    return {
        key: matrix
        if labels is None
        else _reordered(matrix, labels, names, _called(key, distances))
        for key, (matrix, labels) in read.items()
    }, names


def by_name(values: object) -> dict[str, object] | None:
    """Return what a mapping, or a series with names, says of each name.

    Args:
        values: anything.

    Returns:
        A dictionary; None where the values have no names, as in a list, an array, or a series with
        the default index.
    """
    if isinstance(values, Mapping):
        return dict(values)
    if not (hasattr(values, "keys") and hasattr(values, "items")):
        return None
    named = dict(values.items())
    return named if all(isinstance(name, str) for name in named) else None


def nearest(name: object, known: Sequence[str]) -> str:
    """Return what was probably meant, for the end of an error message.

    Args:
        name: what was written.
        known: what there is.

    Returns:
        A question with the closest name, or a list of all.
    """
    close = difflib.get_close_matches(str(name), known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(map(repr, dict.fromkeys(known)))}"


def _called(key: object, distances: Mapping[Key, ArrayLike]) -> str:
    return "distances" if len(distances) == 1 else f"distances[{key!r}]"


def _read(matrix: ArrayLike, called: str) -> tuple[ArrayLike, list[str] | None]:
    if hasattr(matrix, "redundant_form") and hasattr(matrix, "ids"):
        return matrix.redundant_form(), _names(matrix.ids)
    if not (hasattr(matrix, "index") and hasattr(matrix, "columns")):
        return matrix, None
    rows, columns = _names(matrix.index), _names(matrix.columns)
    values = matrix.to_numpy()
    if rows is None or columns is None or rows == columns:
        return values, rows
    return values[:, _places(columns, rows, f"the columns of {called}")], rows


def _names(labels: Sequence[object]) -> list[str] | None:
    named = all(isinstance(label, str) for label in labels)
    numbered = [str(place) for place in range(len(labels))]
    # scikit-bio numbers the rows of a matrix without names.
    return [str(label) for label in labels] if named and list(labels) != numbered else None


def _reordered(matrix: ArrayLike, labels: list[str], names: list[str], called: str) -> NDArray:
    if labels == names:
        return np.asarray(matrix)
    places = _places(labels, names, called)
    return np.asarray(matrix)[np.ix_(places, places)]


def _places(labels: list[str], names: list[str], called: str) -> list[int]:
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ValueError(f"{called} has the label {twice!r} twice; every member needs its own")
    unknown = sorted(set(labels) - set(names))
    if unknown:
        raise ValueError(
            f"{called} has the label {unknown[0]!r}, which is not a member; "
            f"{nearest(unknown[0], names)}"
        )
    missing = [name for name in names if name not in labels]
    if missing:
        raise ValueError(f"{called} lacks the member {missing[0]!r}; it needs a row for each")
    return [labels.index(name) for name in names]
