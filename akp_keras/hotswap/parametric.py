"""Activations with parameters that move while a model trains."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from akp_keras.hotswap.calls import parse_call
from akp_keras.hotswap.moving import RAMP_FORM, Moving, Number, OfTime, parse_number
from akp_keras.hotswap.names import find_activation

_PACKAGE = "akp_keras"


@keras.saving.register_keras_serializable(_PACKAGE)
class Parametric:
    """An activation whose parameters are numbers, some of which may move.

    ```python
    def swish(x, beta):
        return x * keras.ops.sigmoid(beta * x)

    Change("activation", Parametric(swish, beta=lambda epoch: 1 + epoch / 10))
    ```

    Args:
        function: of a tensor and the parameters, by their names; each parameter is a number or a
            scalar tensor. It must return the shape of the tensor.
        parameters: from each name a number, text such as `linear(0→1 over 5 epochs)`, or a function
            of `epoch`, `step` or both.

    Raises:
        ValueError: if a parameter is none of these.
    """

    def __init__(self, function: Callable[..., Any], **parameters: Any) -> None:
        self.function = function
        self.parameters = parameters
        self.numbers = {name: _number(name, value) for name, value in parameters.items()}

    @property
    def name(self) -> str:
        """The function's name, and its parameters with their values."""
        values = [
            f"{key}={getattr(value, '__name__', value)}" for key, value in self.parameters.items()
        ]
        return f"{_name(self.function)}({','.join(values)})"

    @property
    def form(self) -> str:
        """The function's name, and the names of its parameters."""
        return f"{_name(self.function)}({','.join(self.parameters)})"

    def __call__(self, x: Any, *numbers: Any) -> Any:
        """Return the activation.

        Args:
            x: a tensor.
            numbers: of the parameters, in their order; by default the constants that were given.
        """
        numbers = numbers or tuple(self.numbers.values())
        return self.function(x, **dict(zip(self.numbers, numbers, strict=True)))

    def at(self, numbers: Sequence[float]) -> Callable[[Any], Any]:
        """Return the plain activation of some numbers, that of Keras where there is one."""
        values = dict(zip(self.numbers, numbers, strict=True))
        plain = getattr(self.function, "at", None)
        return Parametric(self.function, **values) if plain is None else plain(**values)

    def get_config(self) -> dict[str, Any]:
        """Return the function and the parameters, by Keras' serialisation."""
        serialize = keras.saving.serialize_keras_object
        return {"function": serialize(self.function), "parameters": serialize(self.parameters)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Parametric:
        """Return the inverse of `get_config`."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(deserialize(config["function"]), **deserialize(config["parameters"]))


@keras.saving.register_keras_serializable(_PACKAGE)
class Blend:
    """One activation that becomes another: `(1 - weight) first(x) + weight second(x)`.

    Args:
        first: an activation, or its name.
        second: another one.
    """

    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = find_activation(first), find_activation(second)
        self.__name__ = f"blend({_name(self.first)},{_name(self.second)})"

    def __call__(self, x: Any, weight: Any) -> Any:
        """Return the blend at a weight."""
        weight = keras.ops.cast(weight, x.dtype)
        return (1 - weight) * self.first(x) + weight * self.second(x)

    def at(self, weight: float) -> Callable[[Any], Any]:
        """Return the blend at a constant weight; at 0 and 1 the activation itself."""
        if weight in (0, 1):
            return self.second if weight else self.first
        return Parametric(self, weight=weight)

    def get_config(self) -> dict[str, Any]:
        """Return the activations, by Keras' serialisation."""
        serialize = keras.saving.serialize_keras_object
        return {"first": serialize(self.first), "second": serialize(self.second)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Blend:
        """Return the inverse of `get_config`."""
        deserialize = keras.saving.deserialize_keras_object
        return cls(deserialize(config["first"]), deserialize(config["second"]))


class LayerFormula:
    """An activation layer of Keras as a function of its options, which may be tensors.

    Args:
        name: of the layer's class, one of `FORMULAS`.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._layer: keras.Layer | None = None

    def __call__(self, x: Any, **options: Any) -> Any:
        """Return what the layer computes with the options."""
        options = {name: keras.ops.cast(value, x.dtype) for name, value in options.items()}
        return FORMULAS[self.__name__](x, **options)

    def at(self, **options: float) -> keras.Layer:
        """Return the layer with the options; the same object each time."""
        if self._layer is None:
            self._layer = getattr(keras.layers, self.__name__)()
        for name, value in options.items():
            setattr(self._layer, name, value)
        return self._layer


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or getattr(function, "name", type(function).__name__)


def _relu(x: Any, negative_slope: Any = 0.0, max_value: Any = None, threshold: Any = 0.0) -> Any:
    y = keras.ops.where(x > threshold, x, negative_slope * (x - threshold))
    return y if max_value is None else keras.ops.minimum(y, max_value)


def _leaky_relu(x: Any, negative_slope: Any) -> Any:
    return keras.ops.where(x > 0, x, negative_slope * x)


def _elu(x: Any, alpha: Any) -> Any:
    return keras.ops.where(x > 0, x, alpha * keras.ops.expm1(keras.ops.minimum(x, 0)))


FORMULAS = {"ReLU": _relu, "LeakyReLU": _leaky_relu, "ELU": _elu}


def parse_parametric(text: str) -> Parametric | None:
    """Read an activation with parameters that move.

    Args:
        text: such as `LeakyReLU(negative_slope=linear(0.3→0 over 10 epochs))`,
            `blend(relu,tanh,linear(0→1 over 5 epochs))`, or the same with a registered custom
            function and its parameters.

    Returns:
        The activation; None for text without such parameters.

    Raises:
        ValueError: if the function or a parameter is not known.
    """
    call = parse_call(text)
    if call.name == "blend":
        if len(call.arguments) != 3 or call.options:
            raise ValueError(f"activation {text!r} must be blend(FIRST,SECOND,WEIGHT)")
        first, second, weight = call.arguments
        return Parametric(Blend(first, second), weight=weight)
    options = dict(call.options)
    if call.arguments or not any(_is_moving(value) for value in options.values()):
        return None
    function = LayerFormula(call.name) if call.name in FORMULAS else find_activation(call.name)
    try:
        inspect.signature(FORMULAS.get(call.name, function)).bind(None, **options)
    except TypeError as error:
        raise ValueError(f"activation {text!r}: {error}") from None
    return Parametric(function, **options)


def _is_moving(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance(parse_number(value), Moving)
    except ValueError:
        return False


def _number(name: str, value: Any) -> Number:
    try:
        if callable(value):
            return OfTime(value)
        return parse_number(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"parameter {name} must be a number, text such as {RAMP_FORM}, or a function of epoch "
            f"or step, not {value!r}"
        ) from None
