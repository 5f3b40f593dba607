"""The kind of a family's stress: what its schedule changes."""

from __future__ import annotations

from akp_keras.hotswap import Schedule


def kinds_of(schedule: Schedule, control: Schedule) -> tuple[str, ...]:
    """Return the names of what a schedule changes that the control's does not.

    Args:
        schedule: of a stressed family.
        control: of the family without stress.

    Returns:
        Names of targets, such as "activation", "loss", "labels" or "weights", in the order in
        which they are first changed; empty for the control's own schedule.
    """
    unstressed = set(_changes(control))
    stress = [change for change in _changes(schedule) if change not in unstressed]
    return tuple(dict.fromkeys(target for _, target, _ in stress))


def _changes(schedule: Schedule) -> list[tuple[str, str, str]]:
    """Return each change as its time, its target and its text."""
    return [
        (str(swap.when), change.target, str(change))
        for swap in schedule.swaps
        for change in swap.changes
    ]
