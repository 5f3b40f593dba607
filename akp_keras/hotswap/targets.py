"""What a swap can change, and the form of the value of each.

The forms are checked without Keras, so that flags can be checked cheaply. Whether an activation
or a loss of a name exists, `akp_keras.hotswap.names` tells.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

_NAME = r"[A-Za-z_][\w.>]*"
_CALL = re.compile(rf"({_NAME})(?:\((.*)\))?")


@dataclass(frozen=True)
class Call:
    """A value such as `random(1.0)` or `Huber(delta=0.5)`, taken apart.

    Attributes:
        name: what stands before the parentheses.
        arguments: the values without a name, in order.
        options: the values with a name, as (name, value), in order.
    """

    name: str
    arguments: tuple[bool | int | float | str, ...] = ()
    options: tuple[tuple[str, bool | int | float | str], ...] = ()


@dataclass(frozen=True)
class Target:
    """One kind of thing that a swap changes.

    Attributes:
        name: what stands before `=`.
        example: a value of the right form.
        takes_pattern: whether a filter in square brackets may follow the name.
        check: raises ValueError, with what would be right, for a value of a wrong form.
        callback: whether `HotSwap` applies it; else the stage that prepares the data does.
    """

    name: str
    example: str
    takes_pattern: bool
    check: Callable[[str], None]
    callback: bool = True


def parse_call(text: str) -> Call:
    """Take `name`, `name(argument,option=value)` apart.

    Raises:
        ValueError: if the text has another form.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise ValueError("must be a name, or a name with arguments in parentheses")
    name, inside = match.groups()
    arguments = []
    options = []
    for part in inside.split(",") if inside else []:
        key, equals, value = part.partition("=")
        if equals:
            if not key.isidentifier():
                raise ValueError(f"has {part!r} between its parentheses, not name=value")
            options.append((key, _literal(value)))
        elif options:
            raise ValueError(f"has {part!r} after a named argument; name it too")
        else:
            arguments.append(_literal(part))
    return Call(name, tuple(arguments), tuple(options))


def find_target(name: str) -> Target:
    """Return the target of a name.

    Raises:
        ValueError: if there is none, with the nearest name.
    """
    if name not in TARGETS:
        raise ValueError(f"unknown target {name!r}{suggestion(name, TARGETS)}")
    return TARGETS[name]


def suggestion(name: str, known: object, limit: int = 12) -> str:
    """Return the end of a message about a wrong name: the nearest right one, or the right ones.

    Args:
        name: the wrong name.
        known: the right names.
        limit: how many names may be listed.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    if len(known) <= limit:
        return f"; known are {', '.join(known)}"
    return ""


def _literal(text: str) -> bool | int | float | str:
    if text in ("true", "True"):
        return True
    if text in ("false", "False"):
        return False
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    if not re.fullmatch(_NAME, text):
        raise ValueError(f"has the argument {text!r}, which is neither a number nor a name")
    return text


def _check_identifier(text: str) -> None:
    parse_call(text)


def _check_number(text: str, low: float, high: float, includes_low: bool, words: str) -> None:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (low <= number if includes_low else low < number) or not number < high:
        raise ValueError(f"must be {words}")


def _check_function(text: str, name: str, low: float, high: float, words: str) -> None:
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


def _check_learning_rate(text: str) -> None:
    _check_number(text, 0, math.inf, False, "a number above 0")


def _check_dropout(text: str) -> None:
    _check_number(text, 0, 1, True, "a rate from 0 to below 1")


def _check_labels(text: str) -> None:
    _check_function(text, "random", 0, 1, "p from 0 to 1")


def _check_inputs(text: str) -> None:
    if text != "original":
        _check_function(text, "noise", 0, math.inf, "sigma from 0")


def _check_weights(text: str) -> None:
    if text == "reinitialise":
        return
    if text.startswith("reinitialise[") and text.endswith("]"):
        check_pattern(text[len("reinitialise[") : -1])
        return
    try:
        _check_function(text, "noise", 0, math.inf, "sigma from 0")
    except ValueError:
        raise ValueError(
            "must be noise(sigma) with sigma from 0, reinitialise or reinitialise[layer]"
        ) from None


def check_pattern(pattern: str) -> None:
    """Refuse a layer filter that is no regular expression.

    Raises:
        ValueError: with the reason.
    """
    if not pattern:
        raise ValueError("has an empty layer filter")
    if re.search(r"[\s;]", pattern):
        raise ValueError(f"has a space or a semicolon in its layer filter {pattern!r}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"has a layer filter that is no regular expression: {error}") from None


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("activation", "tanh", True, _check_identifier),
        Target("loss", "hinge", True, _check_identifier),
        Target("optimizer.learning_rate", "0.01", False, _check_learning_rate),
        Target("dropout", "0.5", True, _check_dropout),
        Target("weights", "noise(0.1)", True, _check_weights),
        Target("labels", "random(1.0)", False, _check_labels, callback=False),
        Target("inputs", "noise(0.1)", False, _check_inputs),
    )
}
