"""Who takes part in the test of the principle: models above chance, their families and kinds."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion import inputs
from akp_keras.dispersion.design import Design
from akp_keras.dispersion.labels import nearest
from akp_keras.dispersion.pools import UNHAPPY, Standing, standings

Kinds = Mapping[str, str | Collection[str] | None]


@dataclass(frozen=True)
class Study:
    """The families under test and their members, sorted by name.

    Attributes:
        names: k names of families.
        sizes: (k,) numbers of members that take part.
        generalisation: (k,) means of these members, higher = better.
        rows: places of these members among all, sorted as the design sorts them; members of a
            family are next to each other.
        values: generalisation of these members, or of their families where theirs is not known.
        kinds: what each family's stress changes; empty for the control.
        blocks: (k,) the block of each family; None for one block.
        control: name of the control, which may have no member left.
        standings: how each family generalises against the control; None without a control.
    """

    names: tuple[str, ...]
    sizes: NDArray[np.int64]
    generalisation: NDArray[np.float64]
    rows: NDArray[np.int64]
    values: NDArray[np.float64]
    kinds: tuple[frozenset[str], ...]
    blocks: NDArray[np.int64] | None
    control: str
    standings: Mapping[str, Standing] | None

    @property
    def stressed_by(self) -> tuple[str, ...]:
        """The kinds of stress, sorted."""
        return tuple(sorted(frozenset().union(*self.kinds)))

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Return (k,) which families have stress of a kind."""
        return np.array([kind in of_family for of_family in self.kinds])

    def is_control(self) -> NDArray[np.bool_]:
        """Return (k,) which family is the control."""
        return np.array([name == self.control for name in self.names])

    def unhappy(self, among: NDArray[np.int64]) -> tuple[str, ...]:
        """Return which families generalise worse than the control by more than the margin."""
        if self.standings is None:
            return ()
        names = [self.names[place] for place in among]
        return tuple(name for name in names if self.standings[name].pool == UNHAPPY)


def study(
    design: Design,
    kept: NDArray[np.bool_],
    kinds: Mapping[str, frozenset[str]],
    blocks: Mapping[str, int] | None,
    *,
    margin: float,
    alpha: float,
) -> Study:
    """Return the study of some of the members.

    Args:
        design: all members and families, with their generalisation.
        kept: (M,) which members take part, in the order given.
        kinds: what each family's stress changes, as `checked_kinds` returns it.
        blocks: the block of each family.
        margin: largest difference of generalisation that counts as alike.
        alpha: level of the limits that sort families into happy and unhappy.

    Returns:
        The study; families without a member that takes part are left out.
    """
    rows = np.flatnonzero(kept[design.order])
    of_rows = [design.families[place] for place in design.order[rows]]
    names = tuple(dict.fromkeys(of_rows))
    values = member_values(design)[design.order[rows]]
    own = {name: values[[family == name for family in of_rows]] for name in names}
    known = design.of_members is not None
    return Study(
        names=names,
        sizes=np.array([len(own[name]) for name in names], dtype=np.int64),
        generalisation=np.array([np.sort(own[name]).mean() for name in names]),
        rows=rows,
        values=values,
        kinds=tuple(kinds[name] for name in names),
        blocks=None if blocks is None else np.array([blocks[name] for name in names]),
        control=design.control,
        standings=standings(
            {name: own[name] if known else own[name][:1] for name in names},
            design.control,
            margin,
            alpha,
        )
        if design.control in names
        else None,
    )


def member_values(design: Design) -> NDArray[np.float64]:
    """Return (M,) generalisation of members in the order given; else that of their family."""
    if design.of_members is not None:
        return np.array(design.of_members)
    return np.array([design.generalisation[family] for family in design.families])


def checked_kinds(kinds: Kinds | None, design: Design) -> dict[str, frozenset[str]]:
    """Return what each family's stress changes.

    Args:
        kinds: for each family a kind, or several; the control's is not read, and None or nothing
            stands for no stress. None where kinds are not known.
        design: the families.

    Returns:
        A set of kinds for each family, empty for the control.

    Raises:
        ValueError: if a family lacks its kinds or a name is unknown.
    """
    names = dict.fromkeys(design.families)
    if kinds is None:
        return dict.fromkeys(names, frozenset())
    for name in kinds:
        if name not in names:
            raise ValueError(
                f"kinds names {name!r}, which is not a family; {nearest(name, list(names))}"
            )
    checked = {}
    for name in names:
        if name == design.control:
            checked[name] = frozenset()
            continue
        if name not in kinds:
            raise ValueError(
                f"kinds lacks the family {name!r}; give the kind of stress of each family"
            )
        of_family = kinds[name] or ()
        checked[name] = frozenset([of_family] if isinstance(of_family, str) else of_family)
        if not all(isinstance(kind, str) and kind for kind in checked[name]):
            raise ValueError(
                f"kinds of the family {name!r} is {kinds[name]!r}; give a name, or several"
            )
    return checked


def checked_family_blocks(
    blocks: Mapping[str, Hashable] | None, design: Design
) -> dict[str, int] | None:
    """Return the block of each family, as a number.

    Args:
        blocks: a label for each family by name; None for one block.
        design: the families.

    Returns:
        A number for each family; None where None was given.

    Raises:
        ValueError: if a family lacks its block, or no two families share one.
    """
    names = tuple(dict.fromkeys(design.families))
    labels = inputs.checked_blocks(blocks, names, "family")
    if labels is None:
        return None
    numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    return {name: numbers[label] for name, label in zip(names, labels, strict=True)}
