"""When a swap takes place: at an epoch, at a step, or when a metric no longer improves.

Each class is a frozen dataclass whose `str` is the text of the schedule's grammar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """Before the first step of an epoch.

    Attributes:
        epoch: number of the epoch, counted from 0 as Keras' callbacks count it.
    """

    epoch: int

    def __post_init__(self) -> None:
        _check_count("epoch", self.epoch)

    def __str__(self) -> str:
        return f"@{self.epoch}"

    def get_config(self) -> dict[str, Any]:
        """Return the attributes as plain JSON types."""
        return {"epoch": self.epoch}


@dataclass(frozen=True)
class Step:
    """Before a training step.

    Attributes:
        step: number of training steps done; 0 is before the first step of epoch 0. In a `fit` with
            `initial_epoch=`, or one that was restored, steps count as if the earlier epochs had
            run (an unknown number of steps an epoch is known in a restored `fit` only; else they
            count from the first step of this one).
    """

    step: int

    def __post_init__(self) -> None:
        _check_count("step", self.step)

    def __str__(self) -> str:
        return f"@step:{self.step}"

    def get_config(self) -> dict[str, Any]:
        """Return the attributes as plain JSON types."""
        return {"step": self.step}


@dataclass(frozen=True)
class Plateau:
    """Before the epoch that follows a plateau of a metric.

    The metric is watched from the swap that stands before this one in the schedule on (from the
    start of training where it is the first). The swap takes place once.

    Attributes:
        metric: a name in the epoch's logs, such as `val_loss`.
        patience: number of epochs in a row without improvement that make a plateau, at least 1.
        min_delta: a change of at most this much is no improvement, at least 0.
        mode: `min` or `max`: in which direction the metric improves. `auto` asks the metric of
            that name, as Keras' `EarlyStopping` does; a loss is to fall.
    """

    metric: str
    patience: int
    min_delta: float = 0.0
    mode: str = "auto"

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise ValueError(f"metric of a plateau must be a name, not {self.metric!r}")
        if not _is_integer(self.patience) or self.patience < 1:
            raise ValueError(
                f"patience of a plateau must be a whole number from 1, not {self.patience!r}"
            )
        if not _is_number(self.min_delta) or not 0 <= self.min_delta < float("inf"):
            raise ValueError(
                f"min_delta of a plateau must be a number from 0, not {self.min_delta!r}"
            )
        if self.mode not in ("auto", "min", "max"):
            raise ValueError(f"mode of a plateau must be auto, min or max, not {self.mode!r}")

    def __str__(self) -> str:
        options = [self.metric, f"patience={self.patience}"]
        if self.min_delta:
            options.append(f"min_delta={self.min_delta}")
        if self.mode != "auto":
            options.append(f"mode={self.mode}")
        return f"@plateau({','.join(options)})"

    def get_config(self) -> dict[str, Any]:
        """Return the attributes as plain JSON types."""
        return {
            "plateau": self.metric,
            "patience": self.patience,
            "min_delta": self.min_delta,
            "mode": self.mode,
        }


When = Epoch | Step | Plateau


def when_from_config(config: dict[str, Any]) -> When:
    """Return the inverse of the classes' `get_config`.

    Args:
        config: a dict with the key `epoch`, `step` or `plateau`.

    Raises:
        ValueError: if it has none of these keys, or a value is out of range.
    """
    if isinstance(config, dict):
        if set(config) == {"epoch"}:
            return Epoch(config["epoch"])
        if set(config) == {"step"}:
            return Step(config["step"])
        if {"plateau", "patience"} <= set(config) <= {"plateau", "patience", "min_delta", "mode"}:
            options = {key: value for key, value in config.items() if key != "plateau"}
            return Plateau(config["plateau"], **options)
    raise ValueError(
        f"when of a swap must be a dict with the key epoch, step or plateau (and patience), "
        f"not {config!r}"
    )


def _check_count(name: str, value: object) -> None:
    if not _is_integer(value) or value < 0:
        raise ValueError(f"{name} of a swap must be a whole number from 0, not {value!r}")


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
