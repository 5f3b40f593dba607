"""Checks of what is given to the test; every error says what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akp_keras.dispersion.association import ALTERNATIVES

# Rounding of arc cosines near 1 leaves about √(2ε) ≈ 2e-8 where a distance should be zero.
_ROUNDING = 1e-6

Key = TypeVar("Key", bound=Hashable)


def checked_matrices(
    distances: Mapping[Key, ArrayLike], members: int
) -> dict[Key, NDArray[np.float64]]:
    """Distance matrices of several layers and measures.

    Args:
        distances: an (M, M) matrix under each key.
        members: M, the number of names of families given beside them.

    Returns:
        The matrices as `checked_distances` gives them.

    Raises:
        ValueError: if there is none, or one is no distance matrix.
    """
    if not distances:
        raise ValueError("distances holds no matrix; give at least one")
    alone = len(distances) == 1
    return {
        key: checked_distances(matrix, members, "distances" if alone else f"distances[{key!r}]")
        for key, matrix in distances.items()
    }


def checked_distances(distances: ArrayLike, members: int, name: str) -> NDArray[np.float64]:
    """A symmetric float64 distance matrix with a zero diagonal.

    Args:
        distances: (M, M) distances.
        members: M, the number of names of families given beside it.
        name: how error messages call the matrix.

    Returns:
        (M, M) float64, a copy, exactly symmetric with an exactly zero diagonal.

    Raises:
        ValueError: if the matrix is not square, does not fit the families, is not symmetric, or
            has values that are negative, not finite, or not zero on the diagonal.
    """
    matrix = np.array(distances, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} has shape {matrix.shape}; it must be square, members × members")
    if len(matrix) != members:
        raise ValueError(
            f"{name} has {len(matrix)} rows and families has {members} names; "
            "one family name for each row is needed"
        )
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise ValueError(
            f"{name} holds {matrix[row, column]} at ({row}, {column}); "
            "every distance must be a finite number"
        )
    if (matrix < 0).any():
        row, column = np.argwhere(matrix < 0)[0]
        raise ValueError(
            f"{name} holds {matrix[row, column]:g} at ({row}, {column}); distances are never "
            "negative: give the distance form of the measure, not its similarity"
        )
    tolerance = _ROUNDING * matrix.max(initial=0.0)
    if (np.diagonal(matrix) > tolerance).any():
        row = int(np.argmax(np.diagonal(matrix)))
        raise ValueError(
            f"{name} holds {matrix[row, row]:g} on its diagonal at row {row}; a member's distance "
            "to itself must be 0: give the distance form of the measure, not its similarity"
        )
    asymmetry = np.abs(matrix - matrix.T)
    if asymmetry.max(initial=0.0) > tolerance:
        row, column = np.unravel_index(np.argmax(asymmetry), asymmetry.shape)
        raise ValueError(
            f"{name} is not symmetric: {matrix[row, column]:g} at ({row}, {column}) but "
            f"{matrix[column, row]:g} at ({column}, {row}); give a symmetric measure, or the mean "
            "of the matrix and its transpose"
        )
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 0.0)
    return matrix


def checked_families(families: Sequence[str]) -> tuple[str, ...]:
    """The family of each member.

    Args:
        families: M names, in the order of the distance matrix.

    Returns:
        The names as a tuple.

    Raises:
        ValueError: if it is one string, holds something else than names, or names one family.
    """
    if isinstance(families, str):
        raise ValueError("families is one string; give a sequence with one family name a member")
    names = tuple(str(name) if isinstance(name, np.str_) else name for name in families)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(
                f"families holds {name!r}; every family is named by a non-empty string"
            )
    if len(set(names)) < 2:
        found = f"only the family {names[0]!r}" if names else "no family"
        raise ValueError(f"families names {found}; dispersion is compared between two or more")
    return names


def checked_members(members: Sequence[str] | None, families: Sequence[str]) -> tuple[str, ...]:
    """The name of each member.

    Args:
        members: M different names, or None for `<family>/<0, 1, …>` in the order given.
        families: M names of families.

    Returns:
        The names as a tuple.

    Raises:
        ValueError: if the number of names is wrong or one occurs twice.
    """
    if members is None:
        seen: dict[str, int] = {}
        names = []
        for family in families:
            names.append(f"{family}/{seen.get(family, 0)}")
            seen[family] = seen.get(family, 0) + 1
        return tuple(names)
    names = [str(name) for name in members]
    if len(names) != len(families):
        raise ValueError(
            f"members has {len(names)} names and families {len(families)}; "
            "one name a member is needed in both"
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"members names {twice!r} twice; every member must have its own name")
    return tuple(names)


def checked_control(control: str | None, families: Sequence[str]) -> str:
    """The family against which ratios are taken.

    Args:
        control: a family, or None for "control" where there is one, else the first.
        families: names of families.

    Returns:
        The control's name.

    Raises:
        ValueError: if no such family is there.
    """
    if control is None:
        return "control" if "control" in families else families[0]
    if control not in families:
        raise ValueError(f"control {control!r} is not a family; {_nearest(control, families)}")
    return control


def checked_generalisation(
    generalisation: Mapping[str, float] | Sequence[float] | None, families: Sequence[str]
) -> dict[str, float] | None:
    """The mean generalisation of each family.

    Args:
        generalisation: a value for each family by name, or M values for the members in order,
            higher = generalises better; None where it is not known.
        families: M names of families.

    Returns:
        A value for each family, in the order of first appearance; None where None was given.

    Raises:
        ValueError: if a family lacks its value, a name is unknown, the number of values is wrong
            or a value is not finite.
    """
    if generalisation is None:
        return None
    names = tuple(dict.fromkeys(families))
    if isinstance(generalisation, Mapping):
        for name in generalisation:
            if name not in names:
                raise ValueError(
                    f"generalisation names {name!r}, which is no family; {_nearest(name, names)}"
                )
        for name in names:
            if name not in generalisation:
                raise ValueError(
                    f"generalisation lacks the family {name!r}; give one value for each family"
                )
        values = {name: _finite(generalisation[name], name) for name in names}
    else:
        if len(generalisation) != len(families):
            raise ValueError(
                f"generalisation has {len(generalisation)} values and families {len(families)} "
                "names; give one value a member, or a mapping from family to value"
            )
        of_members: dict[str, list[float]] = {name: [] for name in names}
        for family, value in zip(families, generalisation, strict=True):
            of_members[family].append(_finite(value, family))
        values = {name: float(np.mean(np.sort(of_members[name]))) for name in names}
    return values


def checked_options(permutations: int, alpha: float, alternative: str, margin: float) -> None:
    """Check the numbers that steer the test.

    Args:
        permutations: number of random permutations.
        alpha: level of the tests.
        alternative: direction of the family-level test.
        margin: how far generalisations may differ and count as alike.

    Raises:
        ValueError: if one of them is out of range, or the permutations are too few for alpha.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha!r}; it must lie between 0 and 1, as 0.05 does")
    least = int(np.ceil(1 / alpha - 1e-9)) - 1
    if permutations != int(permutations) or permutations < least:
        raise ValueError(
            f"permutations is {permutations!r}; a whole number of at least {least} is needed for "
            f"a p-value of {alpha:g}, and 9999 is usual"
        )
    if alternative not in ALTERNATIVES:
        raise ValueError(
            f"alternative {alternative!r} is unknown; {_nearest(alternative, ALTERNATIVES)}"
        )
    if not (np.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin is {margin!r}; it must be zero or a positive number")


def _finite(value: float, family: str) -> float:
    number = float("nan") if value is None else float(value)
    if not np.isfinite(number):
        raise ValueError(
            f"generalisation of the family {family!r} is {value!r}; it must be a finite number"
        )
    return number


def _nearest(name: object, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(map(repr, dict.fromkeys(known)))}"
