"""Forms of values, checked without Keras."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from akp_keras.hotswap.calls import parse_call
from akp_keras.hotswap.moving import RAMP_FORM, Moving, Number, OfTime, parse_number


@dataclass(frozen=True)
class Range:
    """Finite numbers in a closed interval, without some.

    Attributes:
        words: what would be right, for messages.
        low: the least number.
        high: the largest number.
        without: numbers in the interval that are not in the range.
        may_touch: whether one that moves may begin or end at a number of `without`.
    """

    words: str
    low: float = 0.0
    high: float = math.inf
    without: tuple[float, ...] = ()
    may_touch: bool = False

    def read_constant(self, text: str) -> float:
        """Return a number in the range that does not move.

        Raises:
            ValueError: with what would be right.
        """
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not self._includes(number):
            raise ValueError(f"must be {self.words}")
        return number

    def read(self, value: str | Callable[..., float]) -> Number:
        """Return a number in the range, constant or not.

        Args:
            value: text, or a function of epoch and step.

        Raises:
            ValueError: with what would be right.
        """
        right = f"must be {self.words}, or one that moves, as {RAMP_FORM}"
        try:
            number = parse_number(value) if isinstance(value, str) else OfTime(value)
        except ValueError as error:
            is_said = callable(value) or "exponential" in str(error)
            raise ValueError(str(error) if is_said else right) from None
        if isinstance(number, Moving):
            ends = [end for end in number.ends if not (self.may_touch and end in self.without)]
        else:
            ends = [number]
        if not all(map(self._includes, ends)):
            raise ValueError(right)
        return number

    def _includes(self, number: float) -> bool:
        is_inside = self.low <= number <= self.high and math.isfinite(number)
        return is_inside and number not in self.without


def read_in_function(text: str, name: str, allowed: Range, may_move: bool = True) -> Number:
    """Return the number of `name(number)`.

    Args:
        text: the text.
        name: what must stand before the parentheses.
        allowed: which numbers are right; its words begin with the number's name.
        may_move: whether the number may move.

    Raises:
        ValueError: with what would be right.
    """
    try:
        call = parse_call(text)
        if call.name != name or len(call.arguments) != 1 or call.options:
            raise ValueError
        (inside,) = call.arguments
        return (allowed.read if may_move else allowed.read_constant)(str(inside))
    except ValueError:
        right = f"must be {name}({allowed.words.split()[0]}) with {allowed.words}"
        raise ValueError(right) from None
