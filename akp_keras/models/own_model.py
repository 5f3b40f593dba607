"""Models of users, brought into the form that training and export need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from akp_keras.own_code import call_function, describe_error

_RIGHT = (
    "end in keras.layers.Dense(units, activation='softmax'), with one unit per class, or for two "
    "classes in Dense(1, activation='sigmoid')"
)


def build(
    name: str,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    mean: np.ndarray,
    variance: np.ndarray,
) -> keras.Model:
    """Call the function that is named; arguments and result as in `akp_keras.models.build_model`.

    It is called with those of the keywords that it takes.
    """
    model = call_function(
        name, {"input_shape": input_shape, "classes": classes, "mean": mean, "variance": variance}
    )
    return as_classifier(_with_known_shapes(model, input_shape), classes)


def load(name: str, *, input_shape: tuple[int, ...], classes: int, **_: Any) -> keras.Model:
    """Load `keras:<file>.keras`, with its weights; see `build`."""
    path = Path(name.removeprefix("keras:")).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    try:
        model = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises anything from ValueError to KeyError here
        raise ValueError(
            f"{path} cannot be loaded ({describe_error(error)}); it must be what "
            "model.save('….keras') writes"
        ) from error
    return as_classifier(_with_known_shapes(model, input_shape), classes)


def as_classifier(model: keras.Model, classes: int) -> keras.Model:
    """Give a model the last layers `logits` and `probabilities`.

    A last Dense layer with sigmoid or softmax becomes a linear layer `logits`, with the same
    weights, and a layer `probabilities`; a linear one is renamed `logits` and followed by
    `probabilities`. A last Softmax or Activation layer is renamed, and so is the layer before it.
    All other layers, with their weights, are those of the model.

    Args:
        model: a built Functional or Sequential model with one input and one output (n, units).
        classes: number of classes. Units are one per class, or 1 for two classes.

    Returns:
        A Functional model from samples to probabilities.

    Raises:
        ValueError: in one line, if the model has another end.
    """
    output = model.outputs[0]
    last = _layer_of(model, output)
    units = output.shape[-1]
    if len(output.shape) != 2 or units not in ((1, 2) if classes == 2 else (classes,)):
        raise ValueError(
            f"the model's output has shape {output.shape}, and the data have {classes} classes; "
            f"{_RIGHT}"
        )
    function = "sigmoid" if units == 1 else "softmax"
    if last.name == "probabilities" and _activation(last) == function:
        logits = _layer_of(model, last.input)
    elif isinstance(last, keras.layers.Dense) and _activation(last) in ("linear", function):
        logits, output = _linear_end(last, function)
    elif isinstance(last, keras.layers.Activation | keras.layers.Softmax) and (
        _activation(last) == function
    ):
        logits = _layer_of(model, last.input)
        last.name = "probabilities"
    else:
        raise ValueError(
            f"the model ends in layer {last.name!r} ({type(last).__name__}), with {units} "
            f"units and the activation {_activation(last) or 'unknown'}; {_RIGHT}"
        )
    logits.name = "logits"
    try:
        return keras.Model(model.inputs[0], output, name=model.name)
    except ValueError as error:  # names occur twice
        raise ValueError(
            f"the names logits and probabilities are for the last two layers ({error})"
        ) from error


def _with_known_shapes(model: Any, input_shape: tuple[int, ...]) -> keras.Model:
    """Return a Functional or Sequential model, after checking that it takes such samples."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"it is a {type(model).__name__}; return a keras.Model")
    if isinstance(model, keras.Sequential) and not model.built:
        model.build((None, *input_shape))
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs or type(model).train_step is not keras.Model.train_step:
        raise ValueError(
            f"{type(model).__name__} is a subclassed model, whose layers cannot be reached from "
            "outside, or has a train_step of its own; return a Functional or Sequential model"
        )
    if len(inputs) > 1 or len(outputs) > 1:
        raise ValueError(
            f"the model has {len(inputs)} inputs and {len(outputs)} outputs; it must have one of "
            "each"
        )
    taken = tuple(inputs[0].shape[1:])
    if len(taken) != len(input_shape) or any(
        size not in (None, wanted) for size, wanted in zip(taken, input_shape, strict=True)
    ):
        raise ValueError(
            f"the model takes samples of shape {taken}, and those of the data set have shape "
            f"{tuple(input_shape)}"
        )
    return model


def _layer_of(model: keras.Model, tensor: keras.KerasTensor) -> keras.Layer:
    for layer in model.layers:
        if any(tensor is made for made in _outputs(layer)):
            return layer
    raise ValueError(f"the model ends in a nested model or an operation without a layer; {_RIGHT}")


def _outputs(layer: keras.Layer) -> list[keras.KerasTensor]:
    try:
        return [layer.output]
    except (AttributeError, ValueError):  # a layer that is called several times
        return []


def _activation(layer: keras.Layer) -> str:
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    function: Callable[..., Any] | None = getattr(layer, "activation", None)
    return getattr(function, "__name__", "")


def _linear_end(last: keras.layers.Dense, function: str) -> tuple[keras.Layer, keras.KerasTensor]:
    probabilities = keras.layers.Activation(function, name="probabilities")
    if _activation(last) == "linear":
        return last, probabilities(last.output)
    logits = keras.layers.Dense.from_config(last.get_config() | {"activation": "linear"})
    output = probabilities(logits(last.input))
    logits.set_weights(last.get_weights())
    return logits, output
