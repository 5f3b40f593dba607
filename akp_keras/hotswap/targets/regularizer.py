"""`regularizer[conv.*]=0.1`: the strength of the penalties on layers' weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    LayerPlace,
    NumberPlace,
    constant,
    layers_of,
    named,
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
        return named(
            RegularizerPlace(layer, path, weights)
            for layer, path in layers_of(model)
            if (weights := _regularized(layer))
        )


class RegularizerPlace(NumberPlace, LayerPlace):
    """The penalties on the weights of one layer."""

    target = "regularizer"

    def __init__(self, layer: keras.Layer, path: str, weights: Sequence[keras.Variable]) -> None:
        super().__init__(layer, path, constant(1))
        self._own = [(weight, weight.regularizer) for weight in weights]

    def _set(self, number: Any) -> None:
        is_one = isinstance(number, float) and number == 1
        for weight, own in self._own:
            weight.regularizer = own if is_one else keras_internals.scaled(own, lambda: number)


def _regularized(layer: keras.Layer) -> list[keras.Variable]:
    own = own_weights(layer, layer.weights)
    return [weight for weight in own if getattr(weight, "regularizer", None) is not None]
