"""`dropout=0.5`: another rate of the `Dropout` layers from here on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.activations import Choice, Site


class DropoutSite(Site):
    """The rate of a `Dropout` layer; a choice's function is the rate, a number.

    Where several rates are traced, the mask is that of inverted dropout (Srivastava et al. 2014,
    JMLR 15, section 10): what is kept is divided by 1 - rate.
    """

    target = "dropout"

    @property
    def held(self) -> Choice:
        """The layer's rate."""
        return choice_of(self.layer.rate)

    def install(self, function: Any) -> None:
        """Sets the rate for the time of a trace."""
        keras_internals.set_quietly(self.layer, "rate", function)

    def install_switch(self, functions: Sequence[Any], index: Callable[[], Any]) -> None:
        """Lets the index choose the rate for the time of a trace."""
        layer = self.layer

        def call(inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            dtype = inputs.dtype
            rates = keras.ops.convert_to_tensor(list(functions), dtype=dtype)
            rate = keras.ops.take(rates, index())
            shape = keras.ops.shape(inputs)
            if layer.noise_shape is not None:
                pairs = zip(layer.noise_shape, shape, strict=True)
                shape = tuple(size if fixed is None else fixed for fixed, size in pairs)
            drawn = keras.random.uniform(shape, dtype=dtype, seed=layer.seed_generator)
            kept = keras.ops.cast(drawn >= rate, dtype)
            return inputs * kept / (1 - rate)

        keras_internals.set_quietly(layer, "call", call)

    def put(self, choice: Choice) -> None:
        """Sets the rate."""
        keras_internals.remove_quietly(self.layer, "call")
        keras_internals.set_quietly(self.layer, "rate", choice.function)


def make_site(layer: keras.Layer, path: str) -> DropoutSite | None:
    """The place of a `Dropout` layer; None for other layers.

    A layer that was made with rate 0 has no random numbers, so it is none either.
    """
    if type(layer) is not keras.layers.Dropout or not hasattr(layer, "seed_generator"):
        return None
    return DropoutSite(layer, path, choice_of(layer.rate))


def check(model: keras.Model) -> None:
    """Refuses nothing: that there is a `Dropout` layer is seen by its place."""


def choice_of(rate: float | str) -> Choice:
    """The choice for a rate."""
    return Choice(f"{float(rate):.12g}", float(rate))
