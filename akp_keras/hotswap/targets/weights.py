"""`weights=noise(0.1)`, `weights=reinitialise[layer]`: weights are disturbed or drawn anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from akp_keras.hints import hint
from akp_keras.hotswap.calls import check_pattern, parse_call
from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import own_weights
from akp_keras.hotswap.targets.forms import Range, read_in_function
from akp_keras.hotswap.targets.target import StateTarget

keras = lazily("keras")
np = lazily("numpy")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


class Weights(StateTarget):
    """The trainable weights of layers.

    `noise(sigma)` adds independent normal numbers of standard deviation sigma; `reinitialise`
    draws the weights from the layer's initialisers, and gives statistics such as the moving mean of
    a BatchNormalization their first values. Optimizer slots stay. Of a layer with layers inside,
    only what belongs to none of these is its own.
    """

    name = "weights"
    example = "noise(0.1)"

    def check_text(self, text: str) -> None:
        """Accept `noise(sigma)`, `reinitialise` or `reinitialise[layer]`."""
        if text == "reinitialise":
            return
        if text.startswith("reinitialise[") and text.endswith("]"):
            check_pattern(text[len("reinitialise[") : -1])
            return
        try:
            read_in_function(text, "noise", Range("sigma from 0"), may_move=False)
        except ValueError:
            raise ValueError(
                "must be noise(sigma) with sigma from 0, reinitialise or reinitialise[layer]"
            ) from None

    def check(self, model: keras.Model, value: Any, pattern: str | None) -> None:
        """Refuse a filter that matches no weights, and a layer that cannot be made anew."""
        pattern = _pattern(value, pattern)
        layers = _selected(model, pattern)
        if not layers:
            known = [layer.name for layer in _weighted_layers(model)]
            near = "" if pattern is None else f"; {hint(pattern, known)}"
            raise ValueError(f"matches no layer with trainable weights{near}")
        if not value.startswith("reinitialise"):
            return
        for layer in layers:
            try:
                _drawn_anew(layer, [0])
            except Exception as error:  # a layer's own code may raise anything
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ValueError(
                    f"layer {layer.name!r} cannot be made from its config: {reason}"
                ) from None

    def apply(
        self, model: keras.Model, value: str, pattern: str | None, seed: Sequence[int]
    ) -> tuple[str, str, tuple[str, ...]]:
        """Disturb the weights of the selected layers, or draws them anew."""
        layers = _selected(model, _pattern(value, pattern))
        for index, layer in enumerate(layers):
            if value.startswith("noise"):
                (sigma,) = parse_call(value).arguments
                generator = np.random.default_rng([*seed, index])
                for variable in own_weights(layer, layer.trainable_weights):
                    old = variable.numpy()
                    noise = generator.normal(scale=sigma, size=old.shape)
                    variable.assign((old + noise).astype(old.dtype))
            else:
                drawn = _drawn_anew(layer, [*seed, index])
                old, new = (own_weights(each, each.weights) for each in (layer, drawn))
                for variable, drawn_value in zip(old, new, strict=True):
                    variable.assign(drawn_value.numpy())
        return "trained", value, tuple(layer.name for layer in layers)


def _drawn_anew(layer: keras.Layer, seed: Sequence[int]) -> keras.Layer:
    config: dict[str, Any] = layer.get_config()
    seeds = np.random.SeedSequence(seed).generate_state(len(config))
    for name, number in zip(config, seeds, strict=True):
        value = config[name]
        if name.endswith("initializer") and isinstance(value, dict) and "seed" in value["config"]:
            config[name] = {**value, "config": {**value["config"], "seed": int(number >> 1)}}
    copy = type(layer).from_config(config)
    copy.build_from_config(layer.get_build_config())
    return copy


def _pattern(value: str, pattern: str | None) -> str | None:
    """Return the layer filter, which may also stand in the value: `reinitialise[dense]`."""
    return value[len("reinitialise[") : -1] if value.startswith("reinitialise[") else pattern


def _selected(model: keras.Model, pattern: str | None) -> list[keras.Layer]:
    return [
        layer
        for layer in _weighted_layers(model)
        if pattern is None
        or re.fullmatch(pattern, layer.name)
        or re.fullmatch(pattern, type(layer).__name__)
    ]


def _weighted_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers with trainable weights of their own, inner ones first, each once."""
    layers: dict[int, keras.Layer] = {}

    def walk(layer: keras.Layer) -> None:
        inner = keras_internals.sublayers(layer)
        for sublayer in inner:
            walk(sublayer)
        if own_weights(layer, layer.trainable_weights):
            layers.setdefault(id(layer), layer)

    walk(model)
    return list(layers.values())
