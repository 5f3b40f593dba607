"""Keras models with named layers, by name; one file per model.

A model is added by one file in this folder with a `build` function and a `TAPS` tuple, and one
line in `_MODULES`. Nothing here imports Keras until a model is built.
"""

from __future__ import annotations

import difflib
import importlib
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

_MODULES = {
    "mlp": "akp_keras.models.mlp",
    "small_cnn": "akp_keras.models.small_cnn",
}


def list_models() -> list[str]:
    """Return the names of all models, sorted."""
    return sorted(_MODULES)


def tapped_layers(name: str) -> tuple[str, ...]:
    """Return the names of the layers whose outputs are a model's representations.

    Args:
        name: one of `list_models()`.

    Returns:
        Layer names, from input to output.

    Raises:
        ValueError: if there is no model of this name.
    """
    return _module(name).TAPS


def build_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    mean: np.ndarray,
    variance: np.ndarray,
) -> keras.Model:
    """Build an uncompiled model with initial weights from Keras' global seed.

    Every model takes unscaled inputs and scales them itself, by the mean and variance of the
    training samples. It ends in a layer `logits` without activation, followed by
    a layer `probabilities`: a sigmoid unit for two classes, a softmax for more.

    Args:
        name: one of `list_models()`.
        input_shape: shape of one sample, (h, w, c) or (d,).
        classes: number of classes, at least 2.
        mean: (c,) or (d,) mean of the training samples over all axes but the last.
        variance: their variance, of the same shape.

    Returns:
        A Functional model from float32 samples to probabilities.

    Raises:
        ValueError: if there is no model of this name, or it cannot take such samples.
    """
    return _module(name).build(
        input_shape=input_shape, classes=classes, mean=mean, variance=variance
    )


def _module(name: str) -> ModuleType:
    if name not in _MODULES:
        close = difflib.get_close_matches(name, _MODULES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(list_models())}"
        raise ValueError(f"unknown model {name!r}; {hint}")
    return importlib.import_module(_MODULES[name])
