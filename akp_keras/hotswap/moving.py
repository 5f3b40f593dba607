"""Numbers that move while a model trains."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RAMP = re.compile(
    rf"(?P<shape>linear|cosine|exponential)\((?P<first>{_NUMBER})(?:→|->)(?P<last>{_NUMBER}) over "
    r"(?P<length>[1-9]\d*)(?: (?P<unit>epoch|step)s?)?\)"
)
RAMP_FORM = "linear(FIRST→LAST over N epochs), where -> is an arrow too"


@dataclass(frozen=True, order=True)
class Position:
    """A point in a training.

    Attributes:
        step: training steps done.
        epoch: number of the epoch, counted from 0.
    """

    step: int
    epoch: int


START = Position(0, 0)


class Moving:
    """A number that depends on the position in the training."""

    def at(self, now: Position, start: Position) -> float:
        """Return the number at a position.

        Args:
            now: the position.
            start: where it came into force.

        Raises:
            ValueError: if it is not a finite number there.
        """
        raise NotImplementedError

    @property
    def moves_each_step(self) -> bool:
        """Whether it moves within an epoch."""
        raise NotImplementedError

    @property
    def ends(self) -> tuple[float, ...]:
        """Numbers between which all of its numbers lie; none where that is not known."""
        raise NotImplementedError


Number = float | Moving


@dataclass(frozen=True)
class Ramp(Moving):
    """From one number to another, and constant after that.

    Attributes:
        shape: `linear`, `cosine` (half a period) or `exponential` (a constant ratio).
        first: at the epoch or step at which it comes into force.
        last: from `length` epochs or steps later on.
        length: at least 1.
        unit: `epoch` or `step`: how often it moves.
    """

    shape: str
    first: float
    last: float
    length: int
    unit: str = "epoch"

    def at(self, now: Position, start: Position) -> float:
        """Return the number at a position."""
        done = getattr(now, self.unit) - getattr(start, self.unit)
        if done >= self.length:
            return self.last
        part = max(0, done) / self.length
        if self.shape == "linear":
            return self.first + (self.last - self.first) * part
        if self.shape == "cosine":
            return self.last + (self.first - self.last) * (1 + math.cos(math.pi * part)) / 2
        return self.first * (self.last / self.first) ** part

    @property
    def moves_each_step(self) -> bool:
        """Whether its length is in steps."""
        return self.unit == "step"

    @property
    def ends(self) -> tuple[float, ...]:
        """The first and the last number."""
        return self.first, self.last


@dataclass(frozen=True)
class OfTime(Moving):
    """What a Python function says.

    Attributes:
        function: takes `epoch`, `step` or both, by these names, counted from the start of training.
    """

    function: Callable[..., float]

    def __post_init__(self) -> None:
        if not self._names or not set(self._names) <= {"epoch", "step"}:
            raise ValueError("must be a number, or a function of the arguments epoch, step or both")

    @property
    def _names(self) -> tuple[str, ...]:
        try:
            return tuple(inspect.signature(self.function).parameters)
        except (TypeError, ValueError):
            return ()

    def at(self, now: Position, start: Position) -> float:
        """Return the number at a position."""
        value = float(self.function(**{name: getattr(now, name) for name in self._names}))
        if not math.isfinite(value):
            raise ValueError(f"{self.function!r} returns {value} at epoch {now.epoch}")
        return value

    @property
    def moves_each_step(self) -> bool:
        """Whether the function takes the step."""
        return "step" in self._names

    @property
    def ends(self) -> tuple[float, ...]:
        """Not known."""
        return ()


def parse_number(text: str) -> Number:
    """Read a number, or one that moves such as `linear(0.3→0 over 10 epochs)`.

    Raises:
        ValueError: if the text is neither.
    """
    match = _RAMP.fullmatch(text)
    if match is None:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"{text} is not a finite number")
        return number
    first, last = float(match["first"]), float(match["last"])
    if match["shape"] == "exponential" and not first * last > 0:
        raise ValueError("exponential needs two numbers of the same sign, other than 0")
    return Ramp(match["shape"], first, last, int(match["length"]), match["unit"] or "epoch")


def number_at(number: Number, now: Position, start: Position) -> float:
    """Return a number, constant or not, at a position."""
    return number.at(now, start) if isinstance(number, Moving) else number
