"""`noise=0.1`: another standard deviation of the `GaussianNoise` layers from here on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import LayerPlace, layers_of, named
from akp_keras.hotswap.targets.dropout import Dropout
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.random_layers import RandomLayerPlace

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class Noise(Dropout):
    """The standard deviations of `GaussianNoise` layers."""

    name = "noise"
    example = "0.1"
    noun = "GaussianNoise layer"
    allowed = Range("a standard deviation from 0")

    def places(self, model: keras.Model) -> Sequence[LayerPlace]:
        """Return the `GaussianNoise` layers of a model."""
        with keras_internals.scope(model):
            return named(
                NoisePlace(layer, path, "stddev", _add, is_exact=False)
                for layer, path in layers_of(model)
                if type(layer) is keras.layers.GaussianNoise
            )


class NoisePlace(RandomLayerPlace):
    """The standard deviation of one layer."""

    target = "noise"


def _add(layer: keras.Layer, x: Any, sigma: Any, generator: Any) -> Any:
    drawn = keras.random.normal(keras.ops.shape(x), dtype=layer.compute_dtype, seed=generator)
    return x + keras.ops.cast(sigma, x.dtype) * drawn
