"""Who is compared with whom: members, their families, the control and the generalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion import inputs
from akp_keras.dispersion.chance import at_chance

Value = TypeVar("Value")


@dataclass(frozen=True)
class Design:
    """The members of a test, in the order given and sorted.

    Sorted means by family and by name, so that the members of a family are next to each other
    and random permutations do not depend on the order in which members were given.

    Attributes:
        members: M names, in the order given.
        families: the family of each member, in the order given.
        order: (M,) places, in the order given, of the sorted members.
        sizes: number of members of each family, families sorted.
        control: the family against which ratios are taken.
        generalisation: mean of each family, higher = better; None where not known.
        of_members: generalisation of each member, in the order given; None where not known.
    """

    members: tuple[str, ...]
    families: tuple[str, ...]
    order: NDArray[np.int64]
    sizes: Mapping[str, int]
    control: str
    generalisation: Mapping[str, float] | None
    of_members: tuple[float, ...] | None = None

    @property
    def shown(self) -> tuple[str, ...]:
        """Families in the order of results: the control, then the others as they appear."""
        names = dict.fromkeys(self.families)
        return tuple(sorted(names, key=lambda family: family != self.control))

    def sort(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an (M, M) matrix with its rows and columns sorted."""
        return matrix[np.ix_(self.order, self.order)]

    def unsort(self, values: Sequence[Value]) -> tuple[Value, ...]:
        """Return M values of sorted members, in the order in which members were given."""
        return tuple(values[place] for place in np.argsort(self.order))

    def show(self, of_families: Mapping[str, Value]) -> dict[str, Value]:
        """Return values of families in the order of results."""
        return {family: of_families[family] for family in self.shown if family in of_families}

    def unhappy(self, margin: float) -> tuple[str, ...]:
        """Return families that generalise worse than the control by more than a margin."""
        if self.generalisation is None:
            return ()
        least = self.generalisation[self.control] - margin
        return tuple(family for family in self.shown if self.generalisation[family] < least)

    def at_chance(self, chance: float | None, margin: float) -> tuple[str, ...]:
        """Return families that do no better than guessing."""
        if self.generalisation is None:
            return ()
        values = self.show(self.generalisation)
        return tuple(
            family
            for family, guessing in zip(
                values, at_chance(list(values.values()), chance, margin), strict=True
            )
            if guessing
        )


def plan(
    families: Sequence[str] | Mapping[str, str],
    members: Sequence[str] | None,
    control: str | None,
    generalisation: Mapping[str, float] | Sequence[float] | None,
) -> Design:
    """Check who is compared with whom.

    Args:
        families: the family of each of the M members, in order or by the member's name.
        members: their names; `<family>/<0, 1, …>` where None.
        control: the reference; "control" where None and there is such a family, else the first.
        generalisation: a value for each family by name, or for each member by name or in order;
            None where not known.

    Returns:
        The design.

    Raises:
        ValueError: if one of them does not fit the others.
    """
    named = inputs.checked_families(families, members)
    names = inputs.checked_members(members, named)
    order = sorted(range(len(names)), key=lambda place: (named[place], names[place]))
    values = inputs.checked_generalisation(generalisation, named, names)
    of_members = values if isinstance(values, tuple) else None
    return Design(
        members=names,
        families=named,
        order=np.array(order),
        sizes={family: named.count(family) for family in sorted(set(named))},
        control=inputs.checked_control(control, named),
        generalisation=values if of_members is None else inputs.family_means(of_members, named),
        of_members=of_members,
    )
