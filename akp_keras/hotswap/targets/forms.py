"""Forms of values, checked without Keras."""

from __future__ import annotations

import math

from akp_keras.hotswap.calls import parse_call


def check_number(text: str, low: float, high: float, includes_low: bool, words: str) -> None:
    """Refuses text that is not a number in a range.

    Args:
        text: the text.
        low: the range's lower end.
        high: its upper end, which is outside.
        includes_low: whether the lower end is inside.
        words: what would be right.

    Raises:
        ValueError: with what would be right.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (low <= number if includes_low else low < number) or not number < high:
        raise ValueError(f"must be {words}")


def check_function(text: str, name: str, low: float, high: float, words: str) -> None:
    """Refuses text that is not `name(number)` with a number in a range.

    Args:
        text: the text.
        name: what must stand before the parentheses.
        low: the least number.
        high: the largest number.
        words: the number's name, and what would be right.

    Raises:
        ValueError: with what would be right.
    """
    right = f"must be {name}({words.split()[0]}) with {words}"
    try:
        call = parse_call(text)
    except ValueError:
        raise ValueError(right) from None
    numbers = [value for value in call.arguments if type(value) in (int, float)]
    if call.name != name or len(call.arguments) != 1 or len(numbers) != 1 or call.options:
        raise ValueError(right)
    if not low <= numbers[0] <= high or math.isinf(numbers[0]):
        raise ValueError(right)
