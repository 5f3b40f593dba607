"""`optimizer.learning_rate=0.01`: another learning rate from here on."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from akp_keras.hotswap.schedule import Change


def check(model: keras.Model, change: Change) -> None:
    """Refuse an optimizer whose learning rate follows a schedule of its own.

    Raises:
        ValueError: if it does.
    """
    if isinstance(_optimizer(model).get_config()["learning_rate"], dict):
        raise ValueError(
            f"{change}: the optimizer's learning rate follows a LearningRateSchedule; compile the "
            f"model with a number"
        )


def apply(
    model: keras.Model, change: Change, seed: Sequence[int]
) -> tuple[str, str, tuple[str, ...]]:
    """Set the learning rate.

    Args:
        model: a compiled model.
        change: its value is the rate.
        seed: not used.

    Returns:
        The rate before, the rate now, and no layers.
    """
    optimizer = _optimizer(model)
    before = float(optimizer.learning_rate)
    optimizer.learning_rate = float(change.name)
    return f"{before:.6g}", change.name, ()


def _optimizer(model: keras.Model) -> keras.optimizers.Optimizer:
    return getattr(model.optimizer, "inner_optimizer", model.optimizer)
