"""Schedules drawn at random from a distribution of stress."""

from __future__ import annotations

import numpy as np

from akp_keras.hotswap import Change, Epoch, Schedule, Step, Swap
from akp_keras.hotswap.targets import find_target
from akp_keras.stress.distribution import Kind, StressDistribution

_MOST_TRIES = 100


def draw_schedules(
    stress: StressDistribution, control: Schedule, count: int, *, epochs: int, seed: int
) -> list[Schedule]:
    """Draw different schedules: that of the control with random swaps.

    The kinds, numbers of swaps and times of the last swap come from a scrambled Halton sequence,
    which fills their ranges evenly for every `count`, since the time that is left after the last
    swap is that in which a network can adapt; earlier times and values are independent.

    Args:
        stress: the distribution.
        control: the schedule without stress, which changes nothing after the start.
        count: number of schedules.
        epochs: of training.
        seed: the same seed gives the same schedules; the first ones do not depend on `count`.

    Returns:
        The schedules, none of them that of the control.

    Raises:
        ValueError: if the control has swaps after the start, or there are too few different
            schedules.
    """
    from scipy.stats import qmc

    if any(swap.when not in (Epoch(0), Step(0)) for swap in control.swaps):
        raise ValueError(f"the control must change nothing after the start, as {control} does")
    design = qmc.Halton(3, scramble=True, seed=np.random.default_rng(seed)).random(count)
    known, schedules = {str(control)}, []
    for number, (kind, *place) in enumerate(design):
        for turn in range(_MOST_TRIES):
            rng = np.random.default_rng([seed, number, turn])
            swaps, last = place if turn == 0 else rng.random(2)
            drawn = _draw(
                stress.kind_at(kind), _times(stress, swaps, last, epochs, rng), control, rng
            )
            if str(drawn) not in known:
                known.add(str(drawn))
                schedules.append(drawn)
                break
        else:
            raise ValueError(
                f"the distribution has too few different schedules: {number} were found, and no "
                f"other one of the kind '{stress.kind_at(kind)}'"
            )
    return schedules


def _times(
    stress: StressDistribution, swaps: float, last: float, epochs: int, rng: np.random.Generator
) -> list[int]:
    """Return epochs of swaps, from a share of the numbers of swaps and one of the last times."""
    swappable = stress.epochs_of_swaps(epochs)
    fewest, most = stress.swaps
    count = fewest + int(swaps * (most - fewest + 1))
    end = int(last * len(swappable))
    earlier = rng.permutation(end)[: count - 1]
    return [swappable[place] for place in sorted([*earlier.tolist(), end])]


def _draw(kind: Kind, times: list[int], control: Schedule, rng: np.random.Generator) -> Schedule:
    start = [change for swap in control.swaps for change in swap.changes]
    in_force = {(change.target, change.pattern): change.name for change in start}
    swaps = []
    for choice in kind.choices:
        if not find_target(choice.target).is_in_fit:
            # Labels are those of the whole training.
            start.append(choice.draw(rng, None))
    for time in times:
        changes: list[Change] = []
        for choice in kind.choices:
            if not find_target(choice.target).is_in_fit:
                continue
            place = choice.target, choice.pattern
            change = choice.draw(rng, in_force.get(place))
            if change is not None:
                in_force[place] = change.name
                changes.append(change)
        if changes:
            swaps.append(Swap(Epoch(time), tuple(changes)))
    return Schedule((Swap(Epoch(0), tuple(start)), *swaps) if start else tuple(swaps))
