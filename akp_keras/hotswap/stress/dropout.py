"""`dropout=0.5`: another rate of the `Dropout` layers from here on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.activations import Choice, Site, with_shape


class DropoutSite(Site):
    """The rate of a `Dropout` layer; a choice's function is the rate, a number.

    Where several rates are traced, each is a branch that computes what Keras computes at that rate,
    and random numbers are drawn where Keras draws them: not at rate 0.
    """

    target = "dropout"

    @property
    def held(self) -> Choice:
        """The layer's rate."""
        return choice_of(self.layer.rate)

    def install(self, function: Any) -> None:
        """Set the rate for the time of a trace."""
        keras_internals.set_quietly(self.layer, "rate", function)

    def install_switch(self, functions: Sequence[Any], index: Callable[[], Any]) -> None:
        """Let the index choose the rate for the time of a trace."""
        layer, rates = self.layer, list(functions)
        generator = layer.seed_generator

        def at(rate: float, state: Any) -> Callable[[Any], Any]:
            def dropped(x: Any) -> Any:
                # Each rate's mask is drawn from the same state, which a branch cannot change.
                with keras.StatelessScope(state_mapping=[(generator.state, state)]):
                    return keras.random.dropout(
                        x, rate, noise_shape=layer.noise_shape, seed=generator
                    )

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

        keras_internals.set_quietly(layer, "call", call)

    def put(self, choice: Choice) -> None:
        """Set the rate."""
        keras_internals.remove_quietly(self.layer, "call")
        keras_internals.set_quietly(self.layer, "rate", choice.function)


def make_site(layer: keras.Layer, path: str) -> DropoutSite | None:
    """Return the place of a `Dropout` layer; None for other layers.

    A layer that was made with rate 0 has no random numbers, so it is none either.
    """
    if type(layer) is not keras.layers.Dropout or not hasattr(layer, "seed_generator"):
        return None
    return DropoutSite(layer, path, choice_of(layer.rate))


def choice_of(rate: float | str) -> Choice:
    """Return the choice for a rate."""
    return Choice(f"{float(rate):.12g}", float(rate))
