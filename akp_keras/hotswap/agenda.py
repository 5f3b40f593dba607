"""Which swaps are to come, and which of them are due."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from akp_keras.hotswap.schedule import Schedule, Swap
from akp_keras.hotswap.when import Epoch, Plateau, Step


class Agenda:
    """The swaps of a schedule that have not taken place.

    Swaps are known by their number in the schedule. Those at epochs and at steps stand in rising
    order there, so that asking for what is due does not look at all that is to come.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._swaps = schedule.swaps
        self._epochs = self._of(Epoch)
        self._steps = self._of(Step)
        self._plateaus = self._of(Plateau)

    def _of(self, kind: type) -> deque[int]:
        return deque(n for n, swap in enumerate(self._swaps) if isinstance(swap.when, kind))

    def has_happened(self, number: int) -> bool:
        """Return whether a swap has taken place."""
        waiting = (self._epochs, self._steps, self._plateaus)
        return not any(number in numbers for numbers in waiting)

    def take_steps(self, step: int) -> list[int]:
        """Take the swaps that are due before a step."""
        due = []
        while self._steps and self._swaps[self._steps[0]].when.step <= step:
            due.append(self._steps.popleft())
        return due

    def take_epoch(self, epoch: int, step: int, is_reached: Callable[[int], bool]) -> list[int]:
        """Take the swaps that are due before an epoch.

        Args:
            epoch: the epoch.
            step: training steps done.
            is_reached: from the number of a swap at a plateau, whether that has been reached.
        """
        due = self.take_steps(step)
        while self._epochs and self._swaps[self._epochs[0]].when.epoch <= epoch:
            due.append(self._epochs.popleft())
        reached = [number for number in self._plateaus if is_reached(number)]
        for number in reached:
            self._plateaus.remove(number)
        return due + reached

    def steps_before(self, step: int) -> Iterator[tuple[int, Swap]]:
        """Return the swaps at steps that come before a step, without taking them."""
        for number in self._steps:
            if self._swaps[number].when.step >= step:
                return
            yield number, self._swaps[number]

    @property
    def steps_left(self) -> list[Swap]:
        """The swaps at steps that have not taken place."""
        return [self._swaps[number] for number in self._steps]
