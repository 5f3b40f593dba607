"""The end of a message about a wrong name: the closest name, or the known names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def hint(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """Return what a wrong name may have meant.

    Args:
        name: the wrong name.
        known: the valid names.
        most: maximum number of names to list if none is close.

    Returns:
        "did you mean 'x'?" if a name is close; otherwise "known are x, y and 3 more".
    """
    known = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"known are {', '.join(known[:most]) or 'none'}{more}"
