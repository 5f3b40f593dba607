"""`add_loss[layer]=0.1`: the strength of the losses that layers add by `add_loss`."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import LayerPlace, NumberPlace, constant, layers_of, named
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.target import NumberTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class AddedLoss(NumberTarget):
    """A factor of what layers, or the model itself, give to `add_loss`: 1 at first.

    Activity regularizers are among it.
    """

    name = "add_loss"
    example = "0.1"
    noun = "layer that calls add_loss"
    allowed = Range("a factor from 0")

    def places(self, model: keras.Model) -> Sequence[AddedLossPlace]:
        """Return the layers that add losses, as far as their code says it."""
        every = [*layers_of(model), (model, model.name)]
        return named(
            AddedLossPlace(layer, path, constant(1)) for layer, path in every if _adds_loss(layer)
        )


class AddedLossPlace(NumberPlace, LayerPlace):
    """The losses that one layer adds."""

    target = "add_loss"

    def _set(self, number: Any) -> None:
        if isinstance(number, float) and number == 1:
            keras_internals.remove_quietly(self.layer, "add_loss")
            return
        add_loss = type(self.layer).add_loss

        def scaled(loss: Any) -> None:
            scaled = keras.tree.map_structure(lambda term: number * term, loss)
            add_loss(self.layer, scaled)

        keras_internals.set_quietly(self.layer, "add_loss", scaled)


def _adds_loss(layer: keras.Layer) -> bool:
    if getattr(layer, "activity_regularizer", None) is not None:
        return True
    if type(layer).__module__.partition(".")[0] == "keras":
        return False
    try:
        return "add_loss" in inspect.getsource(type(layer))
    except (OSError, TypeError):
        # Code without a file may add losses: it is asked for by its name.
        return True
