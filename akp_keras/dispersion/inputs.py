"""Checks of what is given to the test; every error says what would be right."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akp_keras.dispersion.association import ALTERNATIVES
from akp_keras.dispersion.labels import by_name, nearest

# Rounding of arc cosines near 1 leaves about √(2ε) ≈ 2e-8 where a distance should be zero.
_ROUNDING = 1e-6
# Distances whose squares, sums of squares and quotients of these are normal numbers.
_LEAST, _MOST = 1e-120, 1e120

Key = TypeVar("Key", bound=Hashable)


def checked_matrices(
    distances: Mapping[Key, ArrayLike], members: int
) -> dict[Key, NDArray[np.float64]]:
    """Return distance matrices of several layers and measures.

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
    """Return a symmetric float64 distance matrix with a zero diagonal.

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
    tolerance = _ROUNDING * np.abs(matrix).max(initial=0.0)
    if (matrix < -tolerance).any():
        row, column = np.argwhere(matrix < -tolerance)[0]
        raise ValueError(
            f"{name} holds {matrix[row, column]:g} at ({row}, {column}); distances are never "
            "negative: give the distance form of the measure, not its similarity"
        )
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
    matrix = np.maximum((matrix + matrix.T) / 2, 0.0)
    np.fill_diagonal(matrix, 0.0)
    return matrix


def unit_of(matrix: NDArray[np.float64]) -> float:
    """Return the unit in which distances can be squared without overflow or underflow.

    Args:
        matrix: (M, M) distances.

    Returns:
        1.0, or a power of two near the largest distance where its square is no normal number.
    """
    largest = float(matrix.max(initial=0.0))
    if largest == 0.0 or _LEAST < largest < _MOST:
        return 1.0
    return float(2.0 ** np.clip(np.floor(np.log2(largest)), -1022, 1022))


def checked_families(
    families: Sequence[str] | Mapping[str, str], members: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return the family of each member.

    Args:
        families: M names, in the order of the distance matrix; or the family of each member by
            the member's name.
        members: M names of members; None where they have none, and then the families must be in
            order.

    Returns:
        The names as a tuple.

    Raises:
        ValueError: if it is one string, holds something else than names, lacks a member, or names
            one family.
    """
    if isinstance(families, str):
        raise ValueError("families is one string; give a sequence with one family name a member")
    named = by_name(families)
    if named is not None:
        if members is None:
            raise ValueError(
                "families names members, but the distances have no names; give members as well, "
                "or a sequence in the order of the distances"
            )
        for member in members:
            if member not in named:
                raise ValueError(
                    f"families lacks the member {member!r}; {nearest(member, list(named))}"
                )
        families = [named[member] for member in members]
    names = tuple(str(name) if isinstance(name, np.str_) else name for name in families)
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(
                f"families holds {name!r}; every family is named by a non-empty string"
            )
    if len(set(names)) < 2:
        only = f"only the family {names[0]!r}" if names else "no family"
        raise ValueError(f"families names {only}; dispersion is compared between two or more")
    return names


def checked_members(members: Sequence[str] | None, families: Sequence[str]) -> tuple[str, ...]:
    """Return the name of each member.

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
    """Return the family against which ratios are taken.

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
        raise ValueError(f"control {control!r} is not a family; {nearest(control, families)}")
    return control


def checked_generalisation(
    generalisation: Mapping[str, float] | Sequence[float] | None,
    families: Sequence[str],
    members: Sequence[str],
) -> tuple[float, ...] | dict[str, float] | None:
    """Return the generalisation of each member, or of each family.

    Args:
        generalisation: a value for each family by name, for each member by name, or M values in
            the order of the members, higher = generalises better; None where it is not known. A
            series with names counts as a mapping.
        families: M names of families.
        members: M names of members.

    Returns:
        M values where the members' are known, a value for each family, in the order of first
        appearance, where only the families' are; None where None was given.

    Raises:
        ValueError: if a family or member lacks its value, a name is unknown, the number of values
            is wrong or a value is not finite.
    """
    if generalisation is None:
        return None
    named = by_name(generalisation)
    if named is None:
        if len(generalisation) != len(families):
            raise ValueError(
                f"generalisation has {len(generalisation)} values and families {len(families)} "
                "names; give one value a member, or a mapping from family to value"
            )
        return tuple(map(_finite, generalisation, families))
    names = tuple(dict.fromkeys(families))
    if set(members) <= set(named):
        return tuple(_finite(named[name], name, "member") for name in members)
    for name in named:
        if name not in names:
            raise ValueError(
                f"generalisation names {name!r}, which is no family; {nearest(name, names)}"
            )
    for name in names:
        if name not in named:
            raise ValueError(
                f"generalisation lacks the family {name!r}; give one value for each family"
            )
    return {name: _finite(named[name], name) for name in names}


def family_means(values: Sequence[float], families: Sequence[str]) -> dict[str, float]:
    """Return the mean of each family, whatever the order of its members.

    Args:
        values: M finite values.
        families: M names of families.

    Returns:
        A value for each family, in the order of first appearance.
    """
    of_families: dict[str, list[float]] = {name: [] for name in dict.fromkeys(families)}
    for family, value in zip(families, values, strict=True):
        of_families[family].append(value)
    return {name: float(np.mean(np.sort(of_families[name]))) for name in of_families}


def checked_blocks(
    blocks: Mapping[str, Hashable] | Sequence[Hashable] | None,
    names: Sequence[str],
    called: str,
) -> tuple[Hashable, ...] | None:
    """Return the block of each member or family, within which they may be exchanged.

    Args:
        blocks: a label for each name, or labels in the order of the names; None for one block.
        names: names of the members or families.
        called: "member" or "family", for error messages.

    Returns:
        A label for each name; None where None was given.

    Raises:
        ValueError: if a name lacks its label, or nothing can be exchanged.
    """
    if blocks is None:
        return None
    named = by_name(blocks)
    if named is not None:
        for name in names:
            if name not in named:
                raise ValueError(f"blocks lacks the {called} {name!r}; give the block of each")
        labels = tuple(named[name] for name in names)
    else:
        labels = tuple(blocks)
    if len(labels) != len(names):
        raise ValueError(
            f"blocks has {len(labels)} labels; one for each {called} is needed, {len(names)}"
        )
    if len(set(labels)) == len(labels):
        raise ValueError(
            f"blocks puts every {called} into a block of its own, so that nothing can "
            "be exchanged; blocks of two or more are needed"
        )
    return labels


def checked_chance(chance: float | None) -> float | None:
    """Return what guessing would reach: a finite number, or None where it is not known.

    Raises:
        ValueError: if it is something else.
    """
    if chance is None:
        return None
    if not np.isfinite(chance):
        raise ValueError(f"chance is {chance!r}; it must be a finite number, such as 0.5, or None")
    return float(chance)


def checked_positive(value: float, name: str) -> float:
    """Return a positive, finite number.

    Raises:
        ValueError: if it is something else.
    """
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value!r}; it must be a positive number")
    return float(value)


def checked_equivalence(equivalence: tuple[float, float]) -> tuple[float, float]:
    """Return the range of ratios that counts as equivalent: it holds 1.

    Raises:
        ValueError: if it is something else.
    """
    try:
        low, high = map(float, equivalence)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not 0 < low < 1 < high < np.inf:
        raise ValueError(
            f"equivalence is {equivalence!r}; two ratios around 1 are needed, such as (0.8, 1.25)"
        )
    return low, high


def checked_seed(seed: int) -> int:
    """Return the seed of the permutations.

    Args:
        seed: a whole number, not negative.

    Returns:
        The seed as an int.

    Raises:
        ValueError: if it is something else.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if number < 0:
        raise ValueError(
            f"seed is {seed!r}; a whole number that is not negative is needed, such as 0, so that "
            "the outcome can be repeated"
        )
    return number


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
            f"alternative {alternative!r} is unknown; {nearest(alternative, ALTERNATIVES)}"
        )
    if not (np.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin is {margin!r}; it must be zero or a positive number")


def _finite(value: float, name: str, called: str = "family") -> float:
    number = float("nan") if value is None else float(value)
    if not np.isfinite(number):
        raise ValueError(
            f"generalisation of the {called} {name!r} is {value!r}; it must be a finite number"
        )
    return number
