"""Where a training is: epoch and step, and how many steps came before this `fit`."""

from __future__ import annotations

from akp_keras.hotswap.moving import Position


class Clock:
    """Counts epochs and steps as if earlier epochs had run in this `fit`.

    Args:
        steps_per_epoch: as Keras knows it; None if it does not.

    Attributes:
        epoch: number of the epoch.
        step: training steps done.
        has_stepped: whether this `fit` has made a step.
    """

    def __init__(self, steps_per_epoch: int | None) -> None:
        self._steps_per_epoch = steps_per_epoch
        self._offset = 0
        self._execution = 0
        self.epoch = 0
        self.step = 0
        self.has_stepped = False

    @property
    def now(self) -> Position:
        """The position in the training."""
        return Position(self.step, self.epoch)

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch; where Keras does not know it, the mean of those so far."""
        return self._steps_per_epoch or max(1, self.step // max(1, self.epoch))

    def resume(self, epoch: int, steps: int | None, iterations: int) -> None:
        """Set where a `fit` begins.

        Args:
            epoch: its first epoch.
            steps: training steps done before it; None if nobody kept them.
            iterations: by how much the optimizer's count grew when its state was restored.
        """
        self.epoch = epoch
        if steps is None and self._steps_per_epoch:
            steps = epoch * self._steps_per_epoch
        self.step = self._offset = max(0, iterations) if steps is None else steps

    def begin_execution(self) -> None:
        """Note that one or more steps begin."""
        self._execution = self.step

    def end_execution(self, steps: int) -> None:
        """Note that steps have been made.

        Args:
            steps: how many there are in an execution.
        """
        self.has_stepped = True
        # A step by step count, as an eager model has, has gone on in the meantime.
        self.step = self._execution + steps

    def count(self, steps: int | None) -> None:
        """Take an exact count of the steps of this `fit`, where there is one."""
        if steps is not None:
            self.step = self._offset + steps
