"""`dropout=0.5`: another rate of the dropout layers from here on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.moving import Moving, Number
from akp_keras.hotswap.places import Choice, LayerPlace, layers_of, named
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.random_layers import RandomLayerPlace, concrete, drop
from akp_keras.hotswap.targets.recurrent_dropout import MaskPlace
from akp_keras.hotswap.targets.target import NumberTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class Dropout(NumberTarget):
    """The rates of dropout layers of all kinds, and of the inputs of recurrent layers."""

    name = "dropout"
    example = "0.5"
    noun = "layer with dropout that was made with a rate above 0"
    allowed = Range("a rate from 0 to below 1", high=1, without=(1,))

    def places(self, model: keras.Model) -> Sequence[LayerPlace]:
        """Return the dropout layers of a model, in the order of the layers."""
        kinds = {
            keras.layers.Dropout: (_drop, True),
            keras.layers.SpatialDropout1D: (_drop_maps, True),
            keras.layers.SpatialDropout2D: (_drop_maps, True),
            keras.layers.SpatialDropout3D: (_drop_maps, True),
            keras.layers.GaussianDropout: (_multiply, False),
            keras.layers.AlphaDropout: (_drop_to_saturation, False),
        }
        with keras_internals.scope(model):
            places = [
                DropoutPlace(layer, path, "rate", *kinds[type(layer)])
                for layer, path in layers_of(model)
                if type(layer) in kinds
            ]
        # Recurrent layers draw masks of their own.
        places += [
            InputMaskPlace(layer, path)
            for layer, path in layers_of(model)
            if hasattr(layer, "get_dropout_mask")
        ]
        for place in places:
            # A rate of 0 is no dropout, unless it is asked for.
            place.by_default = place.original.text != "0"
        return named(places)

    def choice(self, place: RandomLayerPlace, resolved: tuple[str, Number, int]) -> Choice:
        """Return the rate."""
        text, number, identity = resolved
        if not isinstance(place, RandomLayerPlace):
            return super().choice(place, resolved)
        if isinstance(number, Moving):
            return place.of_moving(text, number, identity)
        return place.of_number(number)


class InputMaskPlace(MaskPlace):
    """The rate for the inputs of a recurrent layer."""

    target = "dropout"
    attribute = "dropout"


class DropoutPlace(RandomLayerPlace):
    """The rate of one layer."""

    target = "dropout"


def _drop(layer: keras.Layer, x: Any, rate: Any, generator: Any) -> Any:
    return drop(x, rate, layer.noise_shape, generator)


def _drop_maps(layer: keras.Layer, x: Any, rate: Any, generator: Any) -> Any:
    return drop(x, rate, layer._get_noise_shape(x), generator)


def _multiply(layer: keras.Layer, x: Any, rate: Any, generator: Any) -> Any:
    ops = keras.ops
    drawn = keras.random.normal(ops.shape(x), dtype=layer.compute_dtype, seed=generator)
    return x * (1 + _as(x, ops.sqrt(rate / (1 - rate))) * drawn)


def _drop_to_saturation(layer: keras.Layer, x: Any, rate: Any, generator: Any) -> Any:
    """Drop as `keras.layers.AlphaDropout` (Klambauer et al., 2017) does."""
    ops, saturation = keras.ops, -1.6732632423543772 * 1.0507009873554805
    drawn = keras.random.uniform(concrete(layer.noise_shape, x), seed=generator)
    kept = ops.cast(ops.greater_equal(drawn, rate), x.dtype)
    rate = _as(x, rate)
    scale = ((1 - rate) * (1 + rate * saturation**2)) ** -0.5
    return scale * (x * kept + saturation * (1 - kept)) - scale * saturation * rate


def _as(x: Any, rate: Any) -> Any:
    """Return a rate in the type of a tensor; a float stays one."""
    return rate if isinstance(rate, float) else keras.ops.cast(rate, x.dtype)
