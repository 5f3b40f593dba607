"""Keras models with named layers, by name; one file per model.

To add a model, add a file with a `build` function and a `TAPS` tuple to this folder, and a line to
`_MODULES`. Keras is imported when a model is built.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.hints import hint
from akp_keras.own_code import is_function_name

if TYPE_CHECKING:
    import keras

_MODULES = {
    "mlp": "akp_keras.models.mlp",
    "small_cnn": "akp_keras.models.small_cnn",
}
_FORMS = ("keras:<file>", "<module>:<function>")


def list_models() -> list[str]:
    """Return the names of the models of this package, sorted."""
    return sorted(_MODULES)


def check_model_name(name: str) -> None:
    """Raise a ValueError if there is no model of this name; build nothing."""
    prefix, colon, _ = name.partition(":")
    if name in _MODULES or (colon and prefix == "keras"):
        return
    if prefix in _MODULES or not is_function_name(name):
        raise ValueError(f"unknown model {name!r}; {hint(name, (*list_models(), *_FORMS))}")


def tapped_layers(name: str) -> tuple[str, ...]:
    """Return the names of the layers whose outputs are a model's representations by default.

    Args:
        name: a name as in `build_model`.

    Returns:
        Layer names, from input to output; empty for a model that declares none.

    Raises:
        ValueError: if the name is unknown.
    """
    check_model_name(name)
    return importlib.import_module(_MODULES[name]).TAPS if name in _MODULES else ()


def build_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    mean: np.ndarray,
    variance: np.ndarray,
) -> keras.Model:
    """Build an uncompiled model with fresh weights from Keras' global seed.

    Every model takes the raw inputs of the data set and scales them itself; models of this package
    do so by the mean and variance of the training samples. It ends in a layer `logits` without
    activation, followed by a layer `probabilities`: one sigmoid unit for two classes, a softmax
    for more. Models of users may have a softmax for two classes, too.

    Args:
        name: `mlp` or `small_cnn`; `keras:<file>` for a model that `keras.Model.save` wrote; or
            `<module>:<function>`, which is called with those of the following keywords that it
            takes, and returns a Functional or Sequential model.
        input_shape: shape of a sample, (h, w, c) or (d,).
        classes: number of classes, at least 2.
        mean: (c,) or (d,) mean of the training samples over all axes but the last.
        variance: variance of the training samples, of the same shape.

    Returns:
        A Functional model from float32 samples to probabilities.

    Raises:
        ValueError: in one line, if the name is unknown, the model cannot take such samples, or a
            model of users is not of the form that `own_model.as_classifier` takes.
    """
    check_model_name(name)
    about = {"input_shape": input_shape, "classes": classes, "mean": mean, "variance": variance}
    if name in _MODULES:
        return importlib.import_module(_MODULES[name]).build(**about)
    from akp_keras.models import own_model

    if name.startswith("keras:"):
        return own_model.load(name, **about)
    return own_model.build(name, **about)
