"""Keras' activations and losses by name, with the nearest name where there is none.

Importing this module does not import Keras; its functions do.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from akp_keras.hints import hint
from akp_keras.hotswap.calls import Call, parse_call

# Abstract classes and functions of the namespaces that are not activations or losses.
_NO_LOSSES = ("Loss", "LossFunctionWrapper", "deserialize", "get", "serialize", "CTC", "ctc")
_NO_ACTIVATIONS = ("deserialize", "get", "serialize")
_NO_OPTIMIZERS = ("Optimizer", "LossScaleOptimizer")


def activation_names() -> list[str]:
    """Return names of Keras' activation functions, sorted."""
    import keras

    return _public(keras.activations, _NO_ACTIVATIONS)


def loss_names() -> list[str]:
    """Return names of Keras' loss functions and loss classes, sorted."""
    import keras

    return _public(keras.losses, _NO_LOSSES)


def find_activation(value: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the activation of a name; an object is returned as it is.

    Args:
        value: a name of `keras.activations`, of a registered custom function, or of an
            activation layer with its arguments, as `LeakyReLU(negative_slope=0.1)`; or a
            callable.

    Raises:
        ValueError: if there is none, with the nearest name.
    """
    import keras

    if not isinstance(value, str):
        return value
    call = parse_call(value)
    plain = not call.arguments and not call.options
    if plain:
        try:
            return keras.activations.get(call.name)
        except ValueError:
            custom = keras.saving.get_registered_object(call.name)
            if custom is not None:
                return custom() if inspect.isclass(custom) else custom
    if call.name in _ACTIVATION_LAYERS:
        return _construct(getattr(keras.layers, call.name), call)
    if call.name in activation_names():
        raise ValueError(
            f"activation {value!r}: a function takes no arguments here; an activation layer does, "
            f"as in LeakyReLU(negative_slope=0.1)"
        )
    known = [*activation_names(), *_ACTIVATION_LAYERS]
    raise ValueError(f"unknown activation {call.name!r}; {hint(call.name, known)}")


def find_loss(value: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss of a name; an object is returned as it is.

    Args:
        value: a name of `keras.losses` (function or class, in the latter case with its arguments
            in parentheses where needed) or of a registered custom loss; or a callable.

    Raises:
        ValueError: if there is none, with the nearest name.
    """
    import keras

    if not isinstance(value, str):
        return value
    call = parse_call(value)
    if call.name not in _NO_LOSSES:
        loss = keras.saving.get_registered_object(call.name)
        if loss is None:
            loss = getattr(keras.losses, call.name, None) or _alias(call.name)
        has_options = bool(call.arguments or call.options)
        if inspect.isfunction(loss) and (has_options or _needs_options(loss)):
            loss = find_loss_class(loss.__name__)
        if inspect.isclass(loss):
            return _construct(loss, call)
        if loss is not None and not has_options:
            return loss
    raise ValueError(f"unknown loss {call.name!r}; {hint(call.name, loss_names())}")


def find_optimizer(value: str) -> Any:
    """Return the optimizer of a name, with its arguments, as `SGD(learning_rate=0.01)`.

    Raises:
        ValueError: if Keras has none of that name, with the nearest one, or it does not take the
            arguments.
    """
    import keras

    call = parse_call(value)
    known = {
        name.lower(): cls
        for name, cls in vars(keras.optimizers).items()
        if inspect.isclass(cls) and name not in _NO_OPTIMIZERS
    }
    cls = known.get(call.name.lower()) or keras.saving.get_registered_object(call.name)
    if cls is None:
        titles = [each.__name__ for each in known.values()]
        raise ValueError(f"unknown optimizer {call.name!r}; {hint(call.name, titles)}")
    return _construct(cls, call)


# Layers that are activation functions with parameters and without weights.
_ACTIVATION_LAYERS = ("ELU", "LeakyReLU", "ReLU")


def _alias(name: str) -> Callable[..., Any] | None:
    """Return a loss by one of Keras' short names, such as `bce`, which are not in its namespace."""
    import keras

    try:
        return keras.losses.get(name)
    except ValueError:
        return None


def find_loss_class(name: str) -> type | None:
    """Return the loss class of a name, which may be that of its function."""
    import keras

    for known in loss_names():
        cls = getattr(keras.losses, known)
        if inspect.isclass(cls) and name.replace("_", "").lower() == known.lower():
            return cls
    return None


def _needs_options(function: Callable[..., Any]) -> bool:
    parameters = list(inspect.signature(function).parameters.values())[2:]
    return any(parameter.default is parameter.empty for parameter in parameters)


def _construct(cls: type, call: Call) -> Callable[..., Any]:
    try:
        return cls(*call.arguments, **dict(call.options))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{cls.__name__}: {error}".splitlines()[0]) from None


def _public(namespace: Any, excluded: tuple[str, ...]) -> list[str]:
    return sorted(
        name
        for name in dir(namespace)
        if not name.startswith("_") and name not in excluded and callable(getattr(namespace, name))
    )
