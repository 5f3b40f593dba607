"""Keras models with named layers, by name; one file per model.

To add a model, add a file with a `build` function and a `TAPS` tuple to this folder, and a line to
`_MODULES`. Keras is imported when a model is built.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.hints import hint

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
    """Return the names of a model's layers whose outputs are its representations.

    Args:
        name: one of `list_models()`.

    Returns:
        Layer names, from input to output.

    Raises:
        ValueError: if the name is unknown.
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
    """Build an uncompiled model with fresh weights from Keras' global seed.

    Every model takes the raw inputs of the data set and scales them itself, by the mean and
    variance of the training samples. It ends in a layer `logits` without activation, followed by
    a layer `probabilities`: one sigmoid unit for two classes, a softmax for more.

    Args:
        name: one of `list_models()`.
        input_shape: shape of a sample, (h, w, c) or (d,).
        classes: number of classes, at least 2.
        mean: (c,) or (d,) mean of the training samples over all axes but the last.
        variance: variance of the training samples, of the same shape.

    Returns:
        A Functional model from float32 samples to probabilities.

    Raises:
        ValueError: if the name is unknown, or the model cannot take such samples.
    """
    return _module(name).build(
        input_shape=input_shape, classes=classes, mean=mean, variance=variance
    )


def _module(name: str) -> ModuleType:
    if name not in _MODULES:
        raise ValueError(f"unknown model {name!r}; {hint(name, list_models())}")
    return importlib.import_module(_MODULES[name])
