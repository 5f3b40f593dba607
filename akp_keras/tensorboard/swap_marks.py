"""Where a member's swaps lie on the axis of epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from akp_keras.hotswap.schedule import Schedule
from akp_keras.hotswap.when import Step
from akp_keras.tensorboard.page_contents import SwapMark
from akp_keras.tensorboard.training_run import changes_of

if TYPE_CHECKING:
    from akp_keras.export.member_record import MemberRecord


def swap_marks(member: MemberRecord, steps_per_epoch: float | None = None) -> tuple[SwapMark, ...]:
    """The swaps of a member after training began.

    Args:
        member: a member.
        steps_per_epoch: optimizer steps in an epoch. Without it a swap within an epoch is marked
            at the epoch's beginning.

    Returns:
        One mark a moment, in order; what was swapped at the same moment shares a mark. What was
        in force from the start is no swap.

    Raises:
        ValueError: if `steps_per_epoch` is given and less than 1.
    """
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise ValueError(f"steps_per_epoch must be positive, not {steps_per_epoch}")
    labels: dict[tuple[int, int], list[str]] = {}
    for swap in changes_of(member):
        if int(swap["step"]) == 0:
            continue
        moment = (int(swap["epoch"]), int(swap["step"]))
        labels.setdefault(moment, []).append(f"{swap['what']} {swap['from']} → {swap['to']}")
    marks = []
    for (epoch, step), found in sorted(labels.items()):
        within = step / steps_per_epoch - epoch if steps_per_epoch else 0.0
        place = epoch + min(max(within, 0.0), 1.0) - 1
        marks.append(SwapMark(place, ", ".join(found), f"epoch {epoch}, step {step}"))
    return tuple(marks)


def steps_in_an_epoch(members: Sequence[MemberRecord]) -> float | None:
    """Optimizer steps in an epoch, from the swaps of all members.

    With n steps in an epoch, a swap at step s of epoch e has e·n ≤ s < (e + 1)·n. A swap at the
    start of an epoch, by its number or after a plateau, has s = e·n and tells n exactly; where
    all swaps came at steps of their own, n lies between two bounds.

    Args:
        members: of one experiment, so that all have the same number of steps in an epoch.

    Returns:
        The steps. Where only bounds are known, the number that puts a swap half-way between the
        places that it may have; None where no swap came after the first epoch.
    """
    most, least, is_exact = float("inf"), 0, False
    for member in members:
        own_steps = {
            swap.when.step
            for swap in Schedule.parse(member.schedule).swaps
            if isinstance(swap.when, Step)
        }
        for swap in member.swaps:
            epoch, step = int(swap["epoch"]), int(swap["step"])
            least = max(least, step // (epoch + 1) + 1)
            if epoch:
                most = min(most, step / epoch)
                is_exact = is_exact or step not in own_steps
    if most == float("inf"):
        return None
    if is_exact or least >= most:
        return most
    return 2 / (1 / least + 1 / most)
