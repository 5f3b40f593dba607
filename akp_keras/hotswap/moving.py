"""Numbers that move while a model trains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Position:
    """A point in a training.

    Attributes:
        step: training steps done.
        epoch: number of the epoch, counted from 0.
    """

    step: int
    epoch: int


class Moving:
    """A number that depends on the position in the training."""

    def at(self, now: Position, start: Position) -> float:
        """The number at a position.

        Args:
            now: the position.
            start: where it came into force.
        """
        raise NotImplementedError


Number = float | Moving


def number_at(number: Number, now: Position, start: Position) -> float:
    """A number, constant or not, at a position."""
    return number.at(now, start) if isinstance(number, Moving) else number
