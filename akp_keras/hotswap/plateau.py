"""Tells when a metric no longer improves."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import keras

from akp_keras.hints import hint
from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.when import Plateau


class PlateauWatch:
    """Counts epochs without improvement, as Keras' `EarlyStopping` does.

    Args:
        when: metric, patience, smallest improvement and direction.

    Attributes:
        when: the same.
        larger_is_better: whether the metric improves by growing; None, with the mode `auto`, until
            someone has said so.
    """

    def __init__(self, when: Plateau) -> None:
        self.when = when
        self.larger_is_better = None if when.mode == "auto" else when.mode == "max"
        self._best: float | None = None
        self._waited = 0

    @property
    def state(self) -> tuple[float | None, int]:
        """The best value so far, None before the first, and the epochs waited since."""
        return self._best, self._waited

    def restore(self, state: tuple[float | None, int]) -> None:
        """Go on from a `state`."""
        self._best, self._waited = state

    @property
    def reached(self) -> bool:
        """Whether the plateau has been reached."""
        return self._waited >= self.when.patience

    def ask_direction(self, model: keras.Model) -> None:
        """Ask the metric itself whether it is to grow, where nobody has said so."""
        if self.larger_is_better is None:
            self.larger_is_better = keras_internals.larger_is_better(model, self.when.metric)

    def check_direction(self) -> None:
        """Refuse a metric of which it is not known whether it is to grow.

        Raises:
            ValueError: if it is not known.
        """
        if self.larger_is_better is None:
            raise ValueError(
                f"{self.when}: it is not known whether {self.when.metric!r} improves by growing; "
                f"add mode=max or mode=min"
            )

    def see(self, logs: Mapping[str, Any]) -> None:
        """Take the logs of one more epoch.

        Raises:
            ValueError: if the metric is not among them, or it is not known which direction is
                better.
        """
        if self.when.metric not in logs:
            raise ValueError(
                f"{self.when}: no metric {self.when.metric!r} in the logs of the epoch; there "
                f"are {', '.join(sorted(logs))}"
            )
        self.check_direction()
        value = float(logs[self.when.metric])
        sign = -1 if self.larger_is_better else 1
        if self._best is None or sign * (self._best - value) > self.when.min_delta:
            self._best = value
            self._waited = 0
        else:
            self._waited += 1


def check_metric(when: Plateau, names: Collection[str]) -> None:
    """Refuse a metric that `fit` will not log.

    Args:
        when: the plateau.
        names: what will be logged of training; of validation the same with `val_`.

    Raises:
        ValueError: if the metric is none of these, with the nearest name.
    """
    # Keras counts metrics of the same name, and calls a repeated weighted one weighted_.
    plain = re.sub(r"_[0-9]+$", "", when.metric.removeprefix("val_")).replace("weighted_", "")
    if plain not in names and when.metric.removeprefix("val_") not in names:
        known = sorted([*names, *(f"val_{name}" for name in names)])
        raise ValueError(
            f"{when}: there is no metric {when.metric!r}; {hint(when.metric, known, most=40)}"
        )
