"""`momentum=0.9`: another momentum of the statistics of `BatchNormalization` layers."""

from __future__ import annotations

from collections.abc import Sequence

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Reading,
    layers_of,
    name_places,
    number_choice,
)
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.target import NumberTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class Momentum(NumberTarget):
    """The share of the moving mean and variance that a training step keeps."""

    name = "momentum"
    example = "0.9"
    noun = "BatchNormalization layer"
    allowed = Range("a momentum from 0 to 1", high=1)

    def places(self, model: keras.Model) -> Sequence[MomentumPlace]:
        """Return the `BatchNormalization` layers of a model."""
        places = [
            MomentumPlace(layer, path)
            for layer, path in layers_of(model)
            if isinstance(layer, keras.layers.BatchNormalization)
        ]
        name_places(places)
        return places


class MomentumPlace(LayerPlace):
    """The momentum of one layer."""

    target = "momentum"

    def __init__(self, layer: keras.Layer, path: str) -> None:
        self._momentum = float(layer.momentum)
        original = number_choice(f"{self._momentum:.12g}", self._momentum)
        super().__init__(layer, path, original)

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Set the momentum."""
        super().put(choice, numbers)
        (self._momentum,) = numbers
        keras_internals.set_quietly(self.layer, "momentum", self._momentum)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Make the layer's momentum that in force for the time of a trace."""
        (momentum,) = reading.numbers()
        keras_internals.set_quietly(self.layer, "momentum", momentum)

    def remove(self) -> None:
        """Set the momentum back."""
        keras_internals.set_quietly(self.layer, "momentum", self._momentum)
