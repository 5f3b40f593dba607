"""Natural order of names: 2 before 10."""

from __future__ import annotations

import re


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return a key for `sorted` that compares digits as numbers and everything else as text."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in re.split(r"([0-9]+)", name)
        if part
    ]
