"""`weights=noise(sigma)` and `weights=reinitialise[layer]`: weights are disturbed or drawn anew."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.schedule import Change
from akp_keras.hotswap.targets import suggestion


def check(model: keras.Model, change: Change) -> None:
    """Refuse a layer filter that matches no layer with trainable weights.

    Raises:
        ValueError: with the nearest name; or if a layer cannot be made anew from its config.
    """
    if change.name.startswith("reinitialise"):
        for layer in _selected(model, change):
            try:
                _drawn_anew(layer, [0])
            except Exception as error:  # a layer's own code may raise anything
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise ValueError(
                    f"{change}: layer {layer.name!r} cannot be made from its config: {reason}"
                ) from None
    if not _selected(model, change):
        known = [layer.name for layer in _weighted_layers(model)]
        pattern = _pattern(change)
        near = "" if pattern is None else suggestion(pattern, known)
        raise ValueError(f"{change} matches no layer with trainable weights{near}")


def apply(
    model: keras.Model, change: Change, seed: Sequence[int]
) -> tuple[str, str, tuple[str, ...]]:
    """Disturb the trainable weights of the selected layers.

    `noise(sigma)` adds independent normal numbers of standard deviation sigma; `reinitialise`
    draws the weights from the layer's initialisers, and gives statistics such as the moving mean of
    a BatchNormalization their first values. Optimizer slots stay. Of a layer with layers inside,
    only what belongs to none of these is its own.

    Args:
        model: a built model.
        change: the kind of disturbance.
        seed: numbers that the random numbers depend on, and on nothing else.

    Returns:
        `trained`, the change's value, and the names of the layers.
    """
    layers = _selected(model, change)
    for index, layer in enumerate(layers):
        if change.name.startswith("noise"):
            (sigma,) = change.call.arguments
            generator = np.random.default_rng([*seed, index])
            for variable in _own(layer, layer.trainable_weights):
                old = variable.numpy()
                noise = generator.normal(scale=sigma, size=old.shape)
                variable.assign((old + noise).astype(old.dtype))
        else:
            drawn = _drawn_anew(layer, [*seed, index])
            pairs = zip(_own(layer, layer.weights), _own(drawn, drawn.weights), strict=True)
            for variable, new in pairs:
                variable.assign(new.numpy())
    return "trained", change.name, tuple(layer.name for layer in layers)


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


def _pattern(change: Change) -> str | None:
    if change.name.startswith("reinitialise["):
        return change.name[len("reinitialise[") : -1]
    return change.pattern


def _selected(model: keras.Model, change: Change) -> list[keras.Layer]:
    pattern = _pattern(change)
    return [
        layer
        for layer in _weighted_layers(model)
        if pattern is None
        or re.fullmatch(pattern, layer.name)
        or re.fullmatch(pattern, type(layer).__name__)
    ]


def _weighted_layers(model: keras.Model) -> list[keras.Layer]:
    """Return the layers with trainable weights of their own, inner ones first, each once."""
    weighted: dict[int, keras.Layer] = {}

    def walk(layer: keras.Layer) -> None:
        inner = keras_internals.sublayers(layer)
        for sublayer in inner:
            walk(sublayer)
        if _own(layer, layer.trainable_weights):
            weighted.setdefault(id(layer), layer)

    walk(model)
    return list(weighted.values())


def _own(layer: keras.Layer, weights: Sequence[keras.Variable]) -> list[keras.Variable]:
    """Return those of a layer's weights that belong to no layer inside it."""
    inner = {id(w) for sublayer in keras_internals.sublayers(layer) for w in sublayer.weights}
    return [weight for weight in weights if id(weight) not in inner]
