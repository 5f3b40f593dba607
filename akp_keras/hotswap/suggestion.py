"""The end of a message about a wrong name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str], limit: int = 12) -> str:
    """Return the nearest right name, or the right ones where they are few.

    Args:
        name: the wrong name.
        known: the right names.
        limit: how many names may be listed.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    if known and len(known) <= limit:
        return f"; known are {', '.join(known)}"
    return ""
