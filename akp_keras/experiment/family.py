"""A family, as one `--family` flag says it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from akp_keras.hotswap import Epoch, Schedule
from akp_keras.training.label_stress import random_label_fraction


@dataclass(frozen=True)
class Family:
    """One perturbation schedule.

    Attributes:
        name: letters, digits, `_`, `.` and `-`; it names folders and TensorBoard runs.
        schedule: what is swapped, and when.
    """

    name: str
    schedule: Schedule

    @classmethod
    def parse(cls, text: str) -> Family:
        """Reads `name: when what…; when what…`.

        Raises:
            ValueError: in one line that names the flag and what would be right.
        """
        name, colon, schedule = text.partition(":")
        name = name.strip()
        if not colon:
            raise ValueError(
                f"--family={text!r} has no name; write --family='name: @0 activation=relu'"
            )
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
            raise ValueError(
                f"--family: name {name!r} must be of at most 64 letters, digits, '_', '.' and '-'"
            )
        try:
            return cls(name, Schedule.parse(schedule.strip()))
        except ValueError as error:
            raise ValueError(f"--family={name}: {error}") from error

    def check(self, epochs: int) -> None:
        """Makes sure that a training of so many epochs comes to every swap.

        Raises:
            ValueError: in one line that names the flag and what would be right.
        """
        for swap in self.schedule.swaps:
            if isinstance(swap.when, Epoch) and swap.when.epoch >= epochs:
                raise ValueError(
                    f"--family={self.name}: the swap {swap} never comes: training ends with "
                    f"epoch {epochs - 1} (--epochs={epochs})"
                )
        try:
            random_label_fraction(self.schedule)
        except ValueError as error:
            raise ValueError(f"--family={self.name}: {error}") from error


def parse_families(texts: Sequence[str]) -> tuple[Family, ...]:
    """Reads all `--family` flags.

    Raises:
        ValueError: if there are fewer than two, or two of one name.
    """
    families = tuple(Family.parse(text) for text in texts)
    names = [family.name for family in families]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--family={name} is given twice; every family has a name of its own")
    if len(families) < 2:
        raise ValueError(
            f"--family names {len(families)} of at least two families; an experiment compares a "
            "control and a perturbed one"
        )
    return families
