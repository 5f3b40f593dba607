"""The choice of the layers whose outputs are a model's representations."""

from __future__ import annotations

import re
from collections.abc import Sequence

import keras
import numpy as np

from akp_keras.hints import hint

_MOST = 6
# Neither normalisation nor dropout changes what a layer represents.
_NOT_TAPPED = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Normalization,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
    keras.Model,
)
_HEAD = ("logits", "probabilities")


def choose_taps(
    model: keras.Model, patterns: Sequence[str], declared: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the names of the tapped layers, in the order of the model.

    Args:
        model: a Functional model.
        patterns: names of layers, or regular expressions that match whole names; all layers that
            match any are tapped.
        declared: the names that the model itself declares, for an empty list of patterns. By
            default up to six layers with weights, evenly spaced, the last before the logits among
            them; neither normalisation nor nested models.

    Returns:
        At least one name.

    Raises:
        ValueError: in one line, if a pattern matches no layer that can be tapped.
    """
    if patterns:
        matched = {name for pattern in patterns for name in _matching(model, pattern)}
        return tuple(layer.name for layer in model.layers if layer.name in matched)
    if declared:
        return tuple(declared)
    names = [
        layer.name
        for layer in model.layers
        if layer.weights and layer.name not in _HEAD and not isinstance(layer, _NOT_TAPPED)
        if _is_reachable(model, layer)
    ]
    if not names:
        raise ValueError(
            f"model {model.name!r} has no layer with weights before its logits that can be tapped; "
            "build it from layers, not from a nested model (input_tensor=… for keras.applications)"
        )
    rows = np.unique(np.linspace(0, len(names) - 1, _MOST).round().astype(int))
    return tuple(names[row] for row in rows)


def _matching(model: keras.Model, pattern: str) -> list[str]:
    matched = [
        layer
        for layer in model.layers
        if re.fullmatch(pattern, layer.name) and not isinstance(layer, keras.layers.InputLayer)
    ]
    for layer in matched:
        if isinstance(layer, keras.Model):
            raise ValueError(_nested(f"{layer.name!r} is a nested model", layer))
        if not _is_reachable(model, layer):
            raise ValueError(
                f"layer {layer.name!r} has several outputs, or was first called outside of the "
                "model; tap another"
            )
    if matched:
        return [layer.name for layer in matched]
    for outer in model.layers:
        if isinstance(outer, keras.Model):
            for layer in outer.layers:
                if re.fullmatch(pattern, layer.name):
                    raise ValueError(_nested(f"{layer.name!r} lies inside a nested model", outer))
    names = [layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    raise ValueError(f"{pattern!r} matches no layer of the model; {hint(pattern, names)}")


def _nested(what: str, outer: keras.Model) -> str:
    return (
        f"{what}, which cannot be tapped; build {outer.name!r} with input_tensor=x instead of "
        "calling it on x, so that its layers are layers of the model"
    )


def _is_reachable(model: keras.Model, layer: keras.Layer) -> bool:
    """Return whether the layer has one output, which follows from the input of the model."""
    try:
        keras.Model(model.inputs, layer.output, name="reached")
    except (AttributeError, ValueError):
        return False
    return isinstance(layer.output, keras.KerasTensor)
