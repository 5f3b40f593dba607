"""`regularizer[conv.*]=0.1`: the strength of the penalties on layers' weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Reading,
    layers_of,
    name_places,
    number_choice,
    own_weights,
)
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.target import NumberTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class Regularizer(NumberTarget):
    """A factor of the penalties that layers were made with: 1 at first, 0 for none.

    A saved model has the penalties of its layers' configurations, without the factor.
    """

    name = "regularizer"
    example = "0.1"
    noun = "layer with a regularizer"
    allowed = Range("a factor from 0")

    def places(self, model: keras.Model) -> Sequence[RegularizerPlace]:
        """Return the layers with regularized weights of their own."""
        places = [
            RegularizerPlace(layer, path, weights)
            for layer, path in layers_of(model)
            if (weights := _regularized(layer))
        ]
        name_places(places)
        return places


class RegularizerPlace(LayerPlace):
    """The penalties on the weights of one layer."""

    target = "regularizer"

    def __init__(self, layer: keras.Layer, path: str, weights: Sequence[keras.Variable]) -> None:
        super().__init__(layer, path, number_choice("1", 1.0))
        self._own = [(weight, weight.regularizer) for weight in weights]
        self._factor = 1.0

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Set the factor."""
        super().put(choice, numbers)
        (self._factor,) = numbers
        self._set(self._factor)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Make the factor that in force for the time of a trace."""
        (factor,) = reading.numbers()
        self._set(factor)

    def remove(self) -> None:
        """Set the factor back."""
        self._set(self._factor)

    def _set(self, factor: Any) -> None:
        is_one = isinstance(factor, float) and factor == 1
        for weight, own in self._own:
            weight.regularizer = own if is_one else keras_internals.scaled(own, lambda: factor)


def _regularized(layer: keras.Layer) -> list[keras.Variable]:
    own = own_weights(layer, layer.weights)
    return [weight for weight in own if getattr(weight, "regularizer", None) is not None]
