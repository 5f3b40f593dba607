"""Values written as calls, such as `random(1.0)` or `Huber(delta=0.5)`, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z_][\w.>]*"
_CALL = re.compile(rf"({_NAME})(?:\((.*)\))?")

Literal = bool | int | float | str


@dataclass(frozen=True)
class Call:
    """A name with arguments.

    Attributes:
        name: what stands before the parentheses.
        arguments: the values without a name, in order.
        options: the values with a name, as (name, value), in order.
    """

    name: str
    arguments: tuple[Literal, ...] = ()
    options: tuple[tuple[str, Literal], ...] = ()


def parse_call(text: str) -> Call:
    """Take `name`, `name(argument,option=value)` apart.

    A value that is itself a call, as in `f(g(1))`, stays text.

    Raises:
        ValueError: if the text has another form.
    """
    match = _CALL.fullmatch(text)
    if match is None:
        raise ValueError("must be a name, or a name with arguments in parentheses")
    name, inside = match.groups()
    arguments = []
    options = []
    for part in split_arguments(inside) if inside else []:
        key, equals, value = part.partition("=")
        if equals and "(" not in key:
            if not key.isidentifier():
                raise ValueError(f"has {part!r} between its parentheses, not name=value")
            options.append((key, _literal(value)))
        elif options:
            raise ValueError(f"has {part!r} after a named argument; name it too")
        else:
            arguments.append(_literal(part))
    return Call(name, tuple(arguments), tuple(options))


def split_arguments(text: str) -> list[str]:
    """Return the parts between commas, apart from commas inside parentheses."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def check_pattern(pattern: str) -> None:
    """Refuse a layer filter that is not a regular expression.

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


def _literal(text: str) -> Literal:
    if text in ("true", "True"):
        return True
    if text in ("false", "False"):
        return False
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    if not _CALL.fullmatch(text):
        raise ValueError(f"has the argument {text!r}, which is neither a number nor a name")
    return text
