"""The positions of a member's swaps on the axis of epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akp_keras.tensorboard.page_contents import SwapMark
from akp_keras.tensorboard.training_run import changes_of

if TYPE_CHECKING:
    from akp_keras.export.member_record import MemberRecord


def swap_marks(member: MemberRecord) -> tuple[SwapMark, ...]:
    """Return a member's swaps after training began.

    Args:
        member: record of the member.

    Returns:
        One mark per moment, in order; changes at the same moment share a mark. What is in force
        from the start is not a swap.
    """
    labels: dict[tuple[int, int, float], list[str]] = {}
    for swap in changes_of(member):
        if int(swap["step"]) == 0:
            continue
        moment = (int(swap["epoch"]), int(swap["step"]), member.moment(swap))
        labels.setdefault(moment, []).append(f"{swap['what']} {swap['from']} → {swap['to']}")
    return tuple(
        # The page counts from the end of epoch 0.
        SwapMark(moment - 1, ", ".join(changes), f"epoch {epoch}, step {step}")
        for (epoch, step, moment), changes in sorted(labels.items())
    )
