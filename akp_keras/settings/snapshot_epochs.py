"""At which epochs snapshots are taken, as the flag says it."""

from __future__ import annotations

import re


def parse_snapshots(text: str, epochs: int) -> tuple[int, ...]:
    """Reads `0,2,5` (epochs) or `every:2` (the first epoch and every second one after it).

    The last epoch is always among them, so that a member's way ends where the member is.

    Args:
        text: what the flag says.
        epochs: how many epochs a member is trained.

    Returns:
        Numbers of epochs from 0, ascending; empty for an empty text.

    Raises:
        ValueError: in one line that says what would be right.
    """
    text = text.strip()
    if not text:
        return ()
    if every := re.fullmatch(r"every:\s*([1-9]\d*)", text):
        chosen = set(range(0, epochs, int(every[1])))
    elif re.fullmatch(r"\d+(\s*,\s*\d+)*", text):
        chosen = {int(number) for number in text.split(",")}
    else:
        raise ValueError(
            f"{text!r} is neither a list of epochs, as in 0,2,5, nor every:k with k from 1"
        )
    if max(chosen) >= epochs:
        raise ValueError(f"epoch {max(chosen)} never comes: training ends with epoch {epochs - 1}")
    return tuple(sorted(chosen | {epochs - 1}))
