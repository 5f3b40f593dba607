"""The part of a schedule that changes the training labels."""

from __future__ import annotations

from akp_keras.hotswap import Epoch, Schedule


def random_label_fraction(schedule: Schedule) -> float | None:
    """Reads `labels=random(p)` from a schedule.

    Returns:
        p in [0, 1], or None where the schedule leaves the labels alone.

    Raises:
        ValueError: if the labels change more than once, or later than epoch 0.
    """
    changes = schedule.changes("labels")
    if not changes:
        return None
    (when, change), *others = changes
    if others or when != Epoch(0):
        raise ValueError(
            f"schedule {str(schedule)!r}: labels can change once and at the start, as in "
            "@0 labels=random(1.0)"
        )
    return float(change.call.arguments[0])
