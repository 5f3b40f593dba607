"""Activations that a model computes by calls, which no swap can reach."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.names import activation_names
from akp_keras.hotswap.places import layers_of

_NO_HIDDEN = ("linear", "sigmoid", "hard_sigmoid", "softmax", "log_softmax")
_LIMIT = 5


def hidden_calls(model: keras.Model) -> list[str]:
    """Return calls of activation functions in code, or as operations of a Functional model.

    Sigmoid, softmax and the like are left out, as gates and outputs mostly are.

    Args:
        model: a built model.

    Returns:
        At most five, each with its function and where it is.
    """
    names = [name for name in activation_names() if name not in _NO_HIDDEN]
    calls = []
    for container, path in [(model, model.name), *layers_of(model)]:
        for operation in keras_internals.operations(container):
            name = _snake(type(operation).__name__)
            if name in names:
                calls.append(f"{name} as an operation of model {path!r}")
        calls += [f"{name} in the code of {path!r}" for name in _called(container, names)]
    return list(dict.fromkeys(calls))[:_LIMIT]


def _called(layer: keras.Layer, names: list[str]) -> list[str]:
    """Return the activation functions that a layer's own code calls."""
    if isinstance(layer, keras.layers.Lambda):
        function: Callable[..., Any] = layer.function
        if getattr(function, "__name__", None) in names:
            return [function.__name__]
    elif type(layer).__module__.partition(".")[0] != "keras":
        function = type(layer).call
    else:
        return []
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return []
    called = set(re.findall(r"(?:ops|activations|nn|functional)\.(\w+)\(", source))
    return sorted(called & set(names))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
