"""The end of a message about a wrong name: the right one, or those that there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def hint(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """Says what a wrong name may have meant.

    Args:
        name: the wrong name.
        known: the right names.
        most: how many names are listed at the most, where none is close.

    Returns:
        "did you mean 'x'?" where a name is close, else "known are x, y", or "" where there are
        more names than a line should hold.
    """
    known = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are {', '.join(known)}" if 0 < len(known) <= most else ""
