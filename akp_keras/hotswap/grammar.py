"""The reader of a schedule's text."""

from __future__ import annotations

import re

from akp_keras.hints import hint
from akp_keras.hotswap.when import Epoch, Plateau, Step, When

_CHANGE = re.compile(r"(?P<target>[^\[=]*)(?:\[(?P<pattern>.*?)\](?==))?=(?P<value>.*)")


def parse(text: str) -> list[tuple[When, list[tuple[str, str, str | None]]]]:
    """Read `when what…; when what…`.

    Args:
        text: as in `Schedule.parse`.

    Returns:
        For each swap its time and its changes as (target, value, pattern).

    Raises:
        ValueError: in one line, what is wrong and at which character (counted from 1), and what
            would be right.
    """
    if not isinstance(text, str):
        raise ValueError(f"the text of a schedule must be a str, not {text!r}")
    swaps = []
    for words in _swaps(text):
        (start, first), *rest = words
        if not first.startswith("@"):
            raise _error(
                text,
                start,
                f"{first!r} stands where a swap begins; begin with a time: @EPOCH, @step:N "
                f"or @plateau(metric,patience=k)",
            )
        when = _when(text, start, first)
        if not rest:
            raise _error(text, start, f"{first} changes nothing; say what, as in activation=tanh")
        swaps.append((when, [_change(text, position, word) for position, word in rest]))
    return swaps


def _swaps(text: str) -> list[list[tuple[int, str]]]:
    """Return the words of each swap with their positions.

    Inside parentheses a space stays between two words, and is dropped elsewhere.
    """
    swaps: list[list[tuple[int, str]]] = []
    words: list[tuple[int, str]] = []
    word, start, opened = "", 0, 0
    ended_by = 0
    for position, letter in enumerate(text + ";"):
        inside = opened > 0
        if letter == ";" or (letter.isspace() and not inside):
            if letter == ";" and inside:
                raise _error(text, start, f"{word!r} opens a parenthesis and does not close it")
            if word:
                words.append((start, word))
                word = ""
            if letter == ";":
                last = position == len(text)
                if words:
                    swaps.append(words)
                elif not last:
                    raise _error(text, position, "a semicolon has no swap before it")
                elif swaps and text[ended_by] == ";":
                    raise _error(text, ended_by, "a semicolon has no swap after it")
                words, ended_by = [], position
            continue
        if letter.isspace():
            next_letter = text[position + 1 : position + 2]
            if word[-1:].isalnum() and next_letter.isalnum():
                word += " "
            continue
        if not word:
            start = position
        word += letter
        if letter == "(":
            opened += 1
        elif letter == ")":
            opened = max(0, opened - 1)
    return swaps


def _when(text: str, start: int, word: str) -> When:
    right = "write @EPOCH, @step:N or @plateau(metric,patience=k)"
    try:
        if re.fullmatch(r"@[0-9]+", word):
            return Epoch(int(word[1:]))
        if re.fullmatch(r"@step:[0-9]+", word):
            return Step(int(word[len("@step:") :]))
        if word.startswith("@plateau(") and word.endswith(")"):
            return _plateau(word[len("@plateau(") : -1])
    except ValueError as error:
        raise _error(text, start, f"{word}: {error}") from None
    if "=" in word:
        right += ", with a space after it"
    raise _error(text, start, f"{word!r} is not a time of a swap; {right}")


def _plateau(inside: str) -> Plateau:
    metric, *options = inside.split(",")
    known = {"patience": int, "min_delta": float, "mode": str}
    values = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in known:
            raise ValueError(f"unknown option {name!r}; {hint(name, known)}")
        if name in values:
            raise ValueError(f"has {name} twice")
        try:
            values[name] = known[name](value)
        except ValueError:
            raise ValueError(f"{name} must be a number, not {value!r}") from None
    if not re.fullmatch(r"[\w./-]+", metric):
        raise ValueError(f"its metric must be a name such as val_loss, not {metric!r}")
    if "patience" not in values:
        raise ValueError(f"has no patience; write @plateau({metric},patience=2)")
    return Plateau(metric, **values)


def _change(text: str, start: int, word: str) -> tuple[str, str, str | None]:
    match = _CHANGE.fullmatch(word)
    if word.startswith("@"):
        raise _error(text, start, f"{word!r} begins a swap; put a semicolon before it")
    if match is None:
        raise _error(
            text, start, f"{word!r} is not a change; write target=value, as activation=tanh"
        )
    if not match["target"]:
        raise _error(text, start, f"{word!r} names no target; write target=value")
    if not match["value"]:
        raise _error(text, start, f"{word!r} has no value; write target=value")
    if match["pattern"] == "":
        raise _error(text, start, f"{word!r} has an empty layer filter")
    return match["target"], match["value"], match["pattern"]


def _error(text: str, position: int, message: str) -> ValueError:
    return ValueError(f"schedule {text!r}, character {position + 1}: {message}")
