"""`recurrent_activation=hard_sigmoid`: the gates of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import layers_of, named
from akp_keras.hotswap.targets.activation import Activation, AttributePlace

keras = lazily("keras")


class RecurrentActivation(Activation):
    """The activations of the recurrent step of `LSTM`, `GRU` and their like."""

    name = "recurrent_activation"
    example = "hard_sigmoid"
    noun = "recurrent layer with a recurrent_activation"
    obeys_layers = False

    def places(self, model: keras.Model) -> Sequence[RecurrentPlace]:
        """Return the cells with a recurrent activation, by the names of their recurrent layers."""
        return named(
            RecurrentPlace(layer, path)
            for layer, path in layers_of(model)
            if callable(vars(layer).get("recurrent_activation"))
        )


class RecurrentPlace(AttributePlace):
    """The recurrent activation of one cell."""

    target = "recurrent_activation"
    attribute = "recurrent_activation"
    by_function = True
