"""Tells when a metric no longer improves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akp_keras.hotswap.when import Plateau


class PlateauWatch:
    """Counts epochs without improvement, as Keras' `EarlyStopping` does.

    Args:
        when: metric, patience, smallest improvement and direction.
    """

    def __init__(self, when: Plateau) -> None:
        self._when = when
        self._best: float | None = None
        self._waited = 0

    @property
    def reached(self) -> bool:
        """Whether the plateau has been reached."""
        return self._waited >= self._when.patience

    def see(self, logs: Mapping[str, Any]) -> None:
        """Takes the logs of one more epoch.

        Raises:
            ValueError: if the metric is not among them.
        """
        if self._when.metric not in logs:
            raise ValueError(
                f"{self._when}: no metric {self._when.metric!r} in the logs of the epoch; there "
                f"are {', '.join(sorted(logs))}"
            )
        value = float(logs[self._when.metric])
        sign = -1 if self._when.larger_is_better else 1
        if self._best is None or sign * (self._best - value) > self._when.min_delta:
            self._best = value
            self._waited = 0
        else:
            self._waited += 1
