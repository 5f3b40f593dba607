"""The epochs at which snapshots are taken, as the flag names them."""

from __future__ import annotations

import re


def parse_snapshots(text: str, epochs: int) -> tuple[int, ...]:
    """Read `0,2,5` (epochs) or `every:2` (the first epoch and every second one after it).

    The last epoch is always included, so that a trajectory ends at the trained member.

    Args:
        text: the value of the flag.
        epochs: number of training epochs.

    Returns:
        Epochs from 0, ascending; () for an empty text.

    Raises:
        ValueError: in one line that describes the valid forms.
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
        last = epochs - 1
        raise ValueError(f"epoch {max(chosen)} is never reached: training ends with epoch {last}")
    return tuple(sorted(chosen | {epochs - 1}))
