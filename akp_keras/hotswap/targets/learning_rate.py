"""`optimizer.learning_rate=0.01`: another learning rate from here on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.targets.forms import check_number
from akp_keras.hotswap.targets.target import StateTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class LearningRate(StateTarget):
    """The learning rate of the model's optimizer."""

    name = "optimizer.learning_rate"
    example = "0.01"
    takes_pattern = False

    def check_text(self, text: str) -> None:
        """A number above 0."""
        check_number(text, 0, math.inf, False, "a number above 0")

    def check(self, model: keras.Model, value: str, pattern: str | None) -> None:
        """Refuses an optimizer whose learning rate follows a schedule of its own."""
        optimizer = keras_internals.inner_optimizer(model)
        if isinstance(optimizer.get_config()["learning_rate"], dict):
            raise ValueError(
                "the optimizer's learning rate follows a LearningRateSchedule; compile the model "
                "with a number"
            )

    def apply(
        self, model: keras.Model, value: str, pattern: str | None, seed: Sequence[int]
    ) -> tuple[str, str, tuple[str, ...]]:
        """Sets the learning rate."""
        optimizer = keras_internals.inner_optimizer(model)
        before = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        optimizer.learning_rate = float(value)
        return f"{before:.6g}", value, ()
