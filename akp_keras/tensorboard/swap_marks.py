"""Where a member's swaps lie on the axis of epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akp_keras.tensorboard.page_contents import SwapMark
from akp_keras.tensorboard.training_run import changes_of

if TYPE_CHECKING:
    from akp_keras.export.member_record import MemberRecord


def swap_marks(member: MemberRecord, steps_per_epoch: int | None = None) -> tuple[SwapMark, ...]:
    """The swaps of a member after training began.

    Args:
        member: a member; one stands for its family, as swaps on a plateau may differ.
        steps_per_epoch: optimizer steps in an epoch. Without it a swap within an epoch is marked
            at the epoch's beginning.

    Returns:
        One mark a moment, in order; what was swapped at the same moment shares a mark. What was
        in force from the start is no swap.

    Raises:
        ValueError: if `steps_per_epoch` is given and not positive.
    """
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise ValueError(f"steps_per_epoch must be positive, not {steps_per_epoch}")
    labels: dict[float, list[str]] = {}
    for swap in changes_of(member):
        if int(swap["step"]) == 0:
            continue
        epoch = int(swap["step"]) / steps_per_epoch if steps_per_epoch else float(swap["epoch"])
        labels.setdefault(epoch, []).append(f"{swap['what']} {swap['from']} → {swap['to']}")
    return tuple(SwapMark(epoch, ", ".join(found)) for epoch, found in sorted(labels.items()))
