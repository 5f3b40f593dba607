"""`recurrent_dropout=0.2`: another rate for what recurrent layers hand on from step to step."""

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
    number_choice,
)
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.target import NumberTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")

# Any rate with which Keras' cells ask for a mask.
_SOME_RATE = 0.5


class RecurrentDropout(NumberTarget):
    """The `recurrent_dropout` of recurrent layers that were made with one above 0.

    Keras computes the others in a way that has no place for it.
    """

    name = "recurrent_dropout"
    example = "0.2"
    noun = "recurrent layer that was made with a recurrent_dropout above 0"
    allowed = Range("a rate from 0 to below 1", high=1, without=(1,))

    def places(self, model: keras.Model) -> Sequence[MaskPlace]:
        """Return the cells, by the names of their recurrent layers."""
        places = [
            RecurrentMaskPlace(layer, path)
            for layer, path in layers_of(model)
            if vars(layer).get("recurrent_dropout") and hasattr(layer, "get_recurrent_dropout_mask")
        ]
        name_places(places)
        return places


class MaskPlace(LayerPlace):
    """The rate of the masks that a recurrent cell draws once for all time steps.

    Attributes:
        attribute: name of the attribute with the rate.
    """

    attribute: str

    def __init__(self, layer: keras.Layer, path: str) -> None:
        rate = float(getattr(layer, self.attribute))
        super().__init__(layer, path, number_choice(f"{rate:.12g}", rate))
        self._rate = rate

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Set the rate."""
        super().put(choice, numbers)
        (self._rate,) = numbers
        keras_internals.set_quietly(self.layer, self.attribute, self._rate)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Let the cell draw masks at the rate in force for the time of a trace."""
        keras_internals.set_quietly(self.layer, self.attribute, _SOME_RATE)
        keras_internals.set_quietly(self.layer, f"get_{self.attribute}_mask", self._getter(reading))

    def remove(self) -> None:
        """Give the cell its own masks again."""
        keras_internals.remove_quietly(self.layer, f"get_{self.attribute}_mask")
        keras_internals.set_quietly(self.layer, self.attribute, self._rate)

    def _getter(self, reading: Reading) -> Callable[[Any], Any]:
        cell, cache = self.layer, f"_{self.attribute}_mask"

        def get_mask(step_input: Any) -> Any:
            mask = getattr(cell, cache, None)
            if mask is None:
                (rate,) = reading.numbers()
                before = cell.seed_generator.state + 0
                number = rate if isinstance(rate, float) else keras.ops.cast(rate, step_input.dtype)
                mask = keras_internals.dropout_mask(cell, step_input, number)
                # As Keras does, go on to the next random numbers only where some were drawn.
                after = cell.seed_generator.state + 0
                is_drawn = keras.ops.cast(rate > 0, "bool")
                cell.seed_generator.state.assign(keras.ops.where(is_drawn, after, before))
                setattr(cell, cache, mask)
            return mask

        return get_mask


class RecurrentMaskPlace(MaskPlace):
    """The rate for what is handed on from step to step."""

    target = "recurrent_dropout"
    attribute = "recurrent_dropout"
