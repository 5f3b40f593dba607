"""Options in square brackets at the end of a name: `folder:PATH[size=96]`."""

from __future__ import annotations

import re
from collections.abc import Collection

from akp_keras.hints import hint

_FORM = re.compile(r"(?P<name>.*?)(?:\[(?P<options>[^\[\]=]+=[^\[\]]*)\])?", re.DOTALL)


def split_options(text: str, known: Collection[str]) -> tuple[str, dict[str, str]]:
    """Separate a name from its options.

    Args:
        text: `name`, or `name[option=value,…]`. Brackets that hold no `=` belong to the name.
        known: the options that the name may have.

    Returns:
        The name, and its options by name.

    Raises:
        ValueError: in one line, for an unknown, repeated or empty option.
    """
    parts = _FORM.fullmatch(text)
    options: dict[str, str] = {}
    for part in parts["options"].split(",") if parts["options"] else []:
        option, _, value = (word.strip() for word in part.partition("="))
        if option not in known:
            raise ValueError(f"unknown option {option!r} in {text!r}; {hint(option, known)}")
        if option in options or not value:
            raise ValueError(f"option {option!r} in {text!r} must be given once, with a value")
        options[option] = value
    return parts["name"], options
