"""A family and its members, as plain data."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from akp_keras.hotswap import Epoch, Schedule


@dataclass(frozen=True)
class Family:
    """A perturbation schedule with a name.

    Attributes:
        name: letters, digits, `_`, `.` and `-`; it names folders and TensorBoard runs.
        schedule: what is swapped, and when.
        members: its number of members; None for that of the experiment.
    """

    name: str
    schedule: Schedule
    members: int | None = None

    @classmethod
    def parse(cls, text: str) -> Family:
        """Read `name: when what…; when what…`, or `name members=K: …`.

        Raises:
            ValueError: in one line that names the flag and the valid form.
        """
        head, colon, schedule = text.partition(":")
        name, _, members = head.strip().partition(" ")
        if not colon:
            raise ValueError(
                f"--family={text!r} has no name; write --family='name: @0 activation=relu'"
            )
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
            raise ValueError(
                f"--family: name {name!r} must have at most 64 letters, digits, '_', '.' and '-'"
            )
        count = re.fullmatch(r"members=(\d{1,6})", members.strip())
        if members and (count is None or not int(count[1])):
            raise ValueError(
                f"--family={name}: {members.strip()!r} after the name must be members=K, with K "
                "from 1 to 999999; a name has no spaces"
            )
        try:
            return cls(name, Schedule.parse(schedule.strip()), count and int(count[1]))
        except ValueError as error:
            raise ValueError(f"--family={name}: {error}") from error

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return f"{self.heading}: {self.schedule}"

    @property
    def heading(self) -> str:
        """What stands before the colon."""
        return self.name if self.members is None else f"{self.name} members={self.members}"

    @property
    def label_fraction(self) -> float | None:
        """Fraction of random training labels, p of `labels=random(p)`; None if unchanged.

        Raises:
            ValueError: if the labels change more than once, or later than epoch 0.
        """
        changes = self.schedule.changes("labels")
        if not changes:
            return None
        (when, change), *others = changes
        if others or when != Epoch(0):
            raise ValueError(
                f"--family={self.name}: schedule {str(self.schedule)!r}: labels can change once "
                "and at the start, as in @0 labels=random(1.0)"
            )
        return float(change.call.arguments[0])

    def check(self, epochs: int) -> None:
        """Raise a ValueError, naming the flag, unless `epochs` epochs reach every swap."""
        for swap in self.schedule.swaps:
            if isinstance(swap.when, Epoch) and swap.when.epoch >= epochs:
                raise ValueError(
                    f"--family={self.name}: the swap {swap} is never reached: training ends "
                    f"with epoch {epochs - 1} (--epochs={epochs})"
                )
        _ = self.label_fraction


def canonical_families(texts: Sequence[str]) -> tuple[str, ...]:
    """Return families in canonical form; raise a ValueError if empty or a name repeats."""
    if not texts:
        raise ValueError("--family is missing; give at least one 'name: when what…; when what…'")
    families = [Family.parse(text) for text in texts]
    names = [family.name for family in families]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--family={name} is given twice; names of families must be unique")
    return tuple(map(str, families))


@dataclass(frozen=True)
class Member:
    """A network to train: its family, its number within the family, and the experiment's seed."""

    family: Family
    seed: int
    experiment_seed: int

    @property
    def name(self) -> str:
        """Name of the member, `<family>/<seed>`."""
        return f"{self.family.name}/{self.seed}"

    @property
    def random_seed(self) -> int:
        """Seed of the initial weights and of the batch order, in [0, 2³²).

        It differs between families even for equal numbers: a test that permutes members between
        families requires them to be independent.
        """
        entropy = [self.experiment_seed, zlib.crc32(self.family.name.encode()), self.seed]
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])
