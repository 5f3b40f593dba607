"""`momentum=0.9`: another momentum of the statistics of `BatchNormalization` layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import LayerPlace, NumberPlace, constant, layers_of, named
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
        return named(
            MomentumPlace(layer, path, constant(layer.momentum))
            for layer, path in layers_of(model)
            if isinstance(layer, keras.layers.BatchNormalization)
        )


class MomentumPlace(NumberPlace, LayerPlace):
    """The momentum of one layer."""

    target = "momentum"

    def _set(self, number: Any) -> None:
        keras_internals.set_quietly(self.layer, "momentum", number)
