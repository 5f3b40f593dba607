"""`dropout=0.5`: another rate of the `Dropout` layers from here on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Reading,
    layers_of,
    name_places,
    with_shape,
)
from akp_keras.hotswap.targets.forms import check_number
from akp_keras.hotswap.targets.target import PlaceTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class Dropout(PlaceTarget):
    """The rates of `Dropout` layers."""

    name = "dropout"
    example = "0.5"
    noun = "Dropout layer that was made with a rate above 0"

    def check_text(self, text: str) -> None:
        """A rate."""
        check_number(text, 0, 1, True, "a rate from 0 to below 1")

    def places(self, model: keras.Model) -> Sequence[DropoutPlace]:
        """The `Dropout` layers of a model.

        A layer that was made with rate 0 has no random numbers, so it is left out.
        """
        places = [
            DropoutPlace(layer, path)
            for layer, path in layers_of(model)
            if type(layer) is keras.layers.Dropout and hasattr(layer, "seed_generator")
        ]
        name_places(places)
        return places

    def choice(self, place: DropoutPlace, resolved: str) -> Choice:
        """The rate."""
        return _rate(resolved)


class DropoutPlace(LayerPlace):
    """The rate of a `Dropout` layer; a choice's function is the rate, a number.

    Where several rates are traced, each is a branch that computes what Keras computes at that rate,
    and random numbers are drawn where Keras draws them: not at rate 0.
    """

    target = "dropout"

    def __init__(self, layer: keras.Layer, path: str) -> None:
        super().__init__(layer, path, _rate(layer.rate))

    @property
    def held(self) -> Choice:
        """The layer's rate."""
        return _rate(self.layer.rate)

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Sets the rate."""
        keras_internals.set_quietly(self.layer, "rate", choice.function)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Lets the layer drop at any of some rates for the time of a trace."""
        self._before = self.layer.rate
        rates = [choice.function for choice in choices]
        if reading.index is None:
            keras_internals.set_quietly(self.layer, "rate", rates[0])
        else:
            call = _switching_call(self.layer, rates, reading.index)
            keras_internals.set_quietly(self.layer, "call", call)

    def remove(self) -> None:
        """Gives the layer its own call and rate again."""
        keras_internals.remove_quietly(self.layer, "call")
        keras_internals.set_quietly(self.layer, "rate", self._before)


def _switching_call(
    layer: keras.Layer, rates: Sequence[float], index: Callable[[], Any]
) -> Callable[..., Any]:
    generator = layer.seed_generator

    def at(rate: float, state: Any) -> Callable[[Any], Any]:
        def dropped(x: Any) -> Any:
            # Each rate's mask is drawn from the same state, which a branch cannot change.
            with keras.StatelessScope(state_mapping=[(generator.state, state)]):
                return keras.random.dropout(x, rate, noise_shape=layer.noise_shape, seed=generator)

        return dropped if rate > 0 else lambda x: x

    def call(inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        # Sums are what the state is at this moment; a tensor of it may be the variable itself.
        before = generator.state + 0
        position = index()
        branches = [at(rate, before) for rate in rates]
        result = keras.ops.switch(position, branches, inputs)
        # As Keras does, go on to the next random numbers only where some were drawn.
        draws = keras.ops.take(keras.ops.convert_to_tensor([r > 0 for r in rates]), position)
        generator.next()
        after = generator.state + 0
        generator.state.assign(keras.ops.where(draws, after, before))
        return with_shape(result, inputs.shape)

    return call


def _rate(rate: float | str) -> Choice:
    return Choice(f"{float(rate):.12g}", float(rate))
