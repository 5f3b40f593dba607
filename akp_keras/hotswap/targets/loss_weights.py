"""`loss_weights[output]=0.5`: how much the loss of an output counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import NumberPlace, Place, constant
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.target import NumberTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class LossWeights(NumberTarget):
    """The `loss_weights` of `compile`."""

    name = "loss_weights"
    example = "0.5"
    noun = "output"
    allowed = Range("a weight from 0")

    def places(self, model: keras.Model) -> Sequence[WeightPlace]:
        """Return the weights of a compiled model's losses, named as the losses are."""
        entries = keras_internals.loss_entries(model)
        names = [entry.name for entry in entries]
        return [
            WeightPlace(model, entry, entry.name if len(names) > 1 else "") for entry in entries
        ]

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[Place]
    ) -> str:
        """Say also where there is no loss."""
        if not keras_internals.has_loss(model):
            return f"weighs a loss; model {model.name!r} is compiled without a loss"
        return super().nothing_selected(model, pattern, places)


class WeightPlace(NumberPlace):
    """The weight of one loss."""

    target = "loss_weights"

    def __init__(self, model: keras.Model, entry: Any, name: str) -> None:
        super().__init__(name, constant(1.0 if entry.weight is None else entry.weight))
        self._model = model
        self._entry = entry

    @property
    def key(self) -> None:
        """A model that is compiled anew has new weights."""
        return None

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """Return whether a filter matches the output's name; one output has none."""
        return bool(self.name) and re.fullmatch(pattern, self.name) is not None

    def _set(self, number: Any) -> None:
        keras_internals.set_loss_weight(self._model, self._entry.key, number)
