"""`recurrent_dropout=0.2`: another rate for what recurrent layers hand on from step to step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    NumberPlace,
    Reading,
    constant,
    layers_of,
    named,
)
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.random_layers import drop
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
        return named(
            RecurrentMaskPlace(layer, path)
            for layer, path in layers_of(model)
            if vars(layer).get("recurrent_dropout") and hasattr(layer, "get_recurrent_dropout_mask")
        )


class MaskPlace(NumberPlace, LayerPlace):
    """The rate of the masks that a recurrent cell draws once for all time steps.

    Attributes:
        attribute: name of the attribute with the rate.
    """

    attribute: str

    def __init__(self, layer: keras.Layer, path: str) -> None:
        super().__init__(layer, path, constant(getattr(layer, self.attribute)))

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Let the cell draw masks at the rate in force for the time of a trace."""
        self._set(_SOME_RATE)
        keras_internals.set_quietly(self.layer, f"get_{self.attribute}_mask", self._getter(reading))

    def remove(self) -> None:
        """Give the cell its own masks again."""
        keras_internals.remove_quietly(self.layer, f"get_{self.attribute}_mask")
        super().remove()

    def _set(self, number: Any) -> None:
        keras_internals.set_quietly(self.layer, self.attribute, number)

    def _getter(self, reading: Reading) -> Callable[[Any], Any]:
        cell, cache = self.layer, f"_{self.attribute}_mask"

        def get_mask(step_input: Any) -> Any:
            mask = getattr(cell, cache, None)
            if mask is None:
                (rate,) = reading.numbers()
                before = cell.seed_generator.state + 0
                mask = _mask(cell, step_input, rate)
                # As Keras does, go on to the next random numbers only where some were drawn.
                after = cell.seed_generator.state + 0
                is_drawn = keras.ops.cast(rate > 0, "bool")
                cell.seed_generator.state.assign(keras.ops.where(is_drawn, after, before))
                setattr(cell, cache, mask)
            return mask

        return get_mask


def _mask(cell: keras.Layer, step_input: Any, rate: Any) -> Any:
    """Return a mask, or several, as Keras' recurrent cells draw them."""
    ones, count = keras.ops.ones_like(step_input), getattr(cell, "dropout_mask_count", None)
    masks = [drop(ones, rate, None, cell.seed_generator) for _ in range(count or 1)]
    return masks[0] if count is None else masks


class RecurrentMaskPlace(MaskPlace):
    """The rate for what is handed on from step to step."""

    target = "recurrent_dropout"
    attribute = "recurrent_dropout"
