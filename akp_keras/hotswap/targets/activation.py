"""`activation=tanh`: the activation functions of layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from akp_keras.hotswap.calls import parse_call
from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.moving import START, number_at
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Place,
    Reading,
    layers_of,
    named,
    spellings,
    with_shape,
)
from akp_keras.hotswap.targets.target import PlaceTarget

if TYPE_CHECKING:
    from akp_keras.hotswap.optimizer_step import OptimizerStep

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")
hints = lazily("akp_keras.hotswap.hints")
names = lazily("akp_keras.hotswap.names")
parametric = lazily("akp_keras.hotswap.parametric")

# What is left alone unless it is asked for by name: no non-linearity, gates, and the functions of
# output layers.
_NOT_BY_DEFAULT = ("linear", "sigmoid", "hard_sigmoid", "softmax", "log_softmax")

# The layers that are an activation function without the attribute `activation`, and the options
# that are part of it.
_ACTIVATION_LAYERS = {
    "ReLU": ("max_value", "negative_slope", "threshold"),
    "LeakyReLU": ("negative_slope",),
    "ELU": ("alpha",),
    "PReLU": (),
}


class Activation(PlaceTarget):
    """The hidden non-linearities, or those of the layers that a filter selects."""

    name = "activation"
    example = "tanh"
    takes_objects = True
    noun = "layer with an activation that may be swapped"
    obeys_layers = True

    def check_text(self, text: str) -> None:
        """Accept a name, or one with arguments in parentheses."""
        parse_call(text)

    def check_names(self, value: Any) -> None:
        """Refuse an activation that Keras does not know."""
        _find(value)

    def text_of(self, value: Any) -> str:
        """Return the function's name; of an activation layer with its options."""
        return value.__name__ if hasattr(value, "__name__") else describe(value).text

    def places(self, model: keras.Model) -> Sequence[ActivationPlace]:
        """Return all activation functions of a model, in the order of the layers."""
        layers = list(layers_of(model))
        made = {id(layer): _make_place(layer, path) for layer, path in layers}
        # An activation layer that is the attribute of another layer belongs to that layer's place.
        inner = {
            id(layer.activation)
            for layer, _ in layers
            if made[id(layer)] is not None and hasattr(layer, "activation")
        }
        places = [made[id(layer)] for layer, _ in layers if id(layer) not in inner]
        places = named(place for place in places if place is not None)
        outputs = _output_layers(model)
        for place in places:
            place.by_function = id(place.layer) not in outputs and not _is_written_hard_sigmoid(
                place.layer
            )
            is_hidden = place.original.name.lower() not in _NOT_BY_DEFAULT
            place.by_default = place.by_function and is_hidden
        return places

    def resolve(self, value: Any) -> Choice:
        """Return the choice for a value.

        Raises:
            ValueError: if Keras has no such activation, or it changes the shape of its input.
        """
        choice = describe(_find(value))
        if choice.numbers and isinstance(value, str):
            choice = replace(choice, text=value)
        numbers = [number_at(number, START, START) for number in choice.numbers]
        try:
            shape = tuple(choice.function(keras.ops.ones((2, 4)), *numbers).shape)
        except Exception as error:  # a function may raise anything
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(
                f"activation {choice.text!r} fails on a (2, 4) tensor: {reason}"
            ) from None
        if shape != (2, 4):
            raise ValueError(
                f"activation {choice.text!r} turns shape (2, 4) into {shape}; take one that keeps "
                f"it"
            )
        return choice

    def choice(self, place: ActivationPlace, resolved: Choice) -> Choice:
        """Return the same function at each place."""
        return resolved

    def check(self, model: keras.Model, value: Any, pattern: str | None) -> None:
        """Warn of activations that are not in a place, where all are to be changed."""
        calls = hints.hidden_calls(model) if pattern is None and self.name == "activation" else []
        if calls and value != "original":
            warnings.warn(
                f"activation={self.text_of(value) if callable(value) else value} leaves alone what "
                f"is no layer's own: {'; '.join(calls)}; make it a layer, such as "
                f"keras.layers.Activation, to have it swapped",
                stacklevel=2,
            )

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[Place]
    ) -> str:
        """Name also activations that are not in a place."""
        calls = hints.hidden_calls(model)
        reason = super().nothing_selected(model, pattern, places)
        return f"{reason} (no layer's own: {'; '.join(calls)})" if calls else reason


class ActivationPlace(LayerPlace):
    """One activation function of a model.

    Attributes:
        by_function: whether a layer filter that is the name of its function selects it even if
            it is not by default.
        has_weights: whether its own function has weights, so that no other layer computes the same.
    """

    target = "activation"
    is_in_prediction = True
    by_function = False
    has_weights = False

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Make the layer compute a function."""
        super().put(choice, numbers)
        function = choice.function if choice.plain is None else choice.plain(numbers)
        self._set_plain(function, is_original=choice == self.original)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Make the layer compute any of some functions for the time of a trace."""
        self._set_traced(_switch(choices, reading, self.has_weights))

    def _set_plain(self, function: Callable[..., Any], is_original: bool) -> None:
        raise NotImplementedError

    def _set_traced(self, function: Callable[..., Any]) -> None:
        raise NotImplementedError

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """Match as a layer; but what is not swapped by default takes its exact name or function."""
        names = {self.layer.name, self.path, self.name}
        if not self.by_default and pattern not in names:
            return pattern in spellings(held) and self.by_function
        return super().matches(pattern, held)


class AttributePlace(ActivationPlace):
    """An activation that is an attribute of a layer.

    Attributes:
        attribute: name of the attribute.
    """

    attribute = "activation"

    def __init__(self, layer: keras.Layer, path: str) -> None:
        self._plain = getattr(layer, self.attribute)
        super().__init__(layer, path, describe(self._plain))

    @property
    def held(self) -> Choice:
        """What the attribute holds now, also where it was set by hand."""
        activation = getattr(self.layer, self.attribute)
        return self._held if activation is self._plain else describe(activation)

    def _set_plain(self, function: Callable[..., Any], is_original: bool) -> None:
        self._plain = function
        keras_internals.set_quietly(self.layer, self.attribute, function)

    def _set_traced(self, function: Callable[..., Any]) -> None:
        self._before = getattr(self.layer, self.attribute)
        keras_internals.set_quietly(self.layer, self.attribute, function)

    def remove(self) -> None:
        """Set the attribute back."""
        keras_internals.set_quietly(self.layer, self.attribute, self._before)


class WholeLayerPlace(ActivationPlace):
    """A layer that is an activation function: `ReLU`, `LeakyReLU`, `PReLU`, `ELU`.

    With another function it becomes an `Activation` layer, so that it is saved as one; its weights
    stay with it.
    """

    def __init__(self, layer: keras.Layer, path: str) -> None:
        super().__init__(layer, path, _own_function(layer))
        self._class = type(layer)
        self._plain: Callable[..., Any] | None = None
        self.has_weights = bool(layer.weights)

    @property
    def held(self) -> Choice:
        """The layer's own function, or that of the `Activation` layer that it has become."""
        if type(self.layer) is self._class:
            return self.original
        activation = self.layer.activation
        return self._held if activation is self._plain else describe(activation)

    def _set_plain(self, function: Callable[..., Any], is_original: bool) -> None:
        if is_original:
            keras_internals.set_class(self.layer, self._class)
            keras_internals.remove_quietly(self.layer, "activation")
        else:
            keras_internals.set_class(self.layer, keras.layers.Activation)
            keras_internals.set_quietly(self.layer, "activation", function)
        self._plain = function
        if self.layer.weights:
            keras_internals.save_without_weights(self.layer, in_use=is_original)

    def _set_traced(self, function: Callable[..., Any]) -> None:
        keras_internals.set_quietly(self.layer, "call", lambda inputs: function(inputs))

    def remove(self) -> None:
        """Give the layer its own call again."""
        keras_internals.remove_quietly(self.layer, "call")

    def plan(self, choices: Sequence[Choice], reading: Reading, step: OptimizerStep) -> None:
        """Let the layer's weights alone while another function is in its place."""
        forms = [choice.traced for choice in choices]
        own = self.original.traced
        if own not in forms:
            step.gate(self.layer.trainable_weights, lambda: False)
        elif reading.index is not None:
            position = forms.index(own)
            step.gate(self.layer.trainable_weights, lambda: reading.index() == position)


def describe(function: Callable[..., Any]) -> Choice:
    """Return the choice for a function or for an activation layer used as one."""
    if isinstance(function, parametric.Parametric):
        is_ours = isinstance(function.function, (parametric.Blend, parametric.LayerFormula))
        numbers = tuple(function.numbers.values())
        identity = 0 if is_ours else id(function.function)
        return Choice(
            function.name,
            function,
            identity,
            numbers,
            is_plain=False,
            plain=function.at,
            form=function.form,
        )
    if _is_activation_layer(function):
        return Choice(_layer_text(function), function)
    for attribute in ("__name__", "name"):
        text = getattr(function, attribute, None)
        if isinstance(text, str):
            is_keras = getattr(keras.activations, text, None) is function
            return Choice(text, function, 0 if is_keras else id(function))
    return Choice(type(function).__name__, function, id(function))


def _switch(choices: Sequence[Choice], reading: Reading, has_weights: bool) -> Callable[[Any], Any]:
    """Return a function of one argument that computes what the choice in force computes.

    Args:
        choices: the choices.
        reading: says which is in force.
        has_weights: whether a choice has weights, so that no other layer computes the same.
    """

    def branch(choice: Choice, numbers: Sequence[Any]) -> Callable[[Any], Any]:
        mine = numbers[: len(choice.numbers)]
        # Of one argument: on JAX, optional arguments would be taken for operands.
        return lambda x: choice.function(x, *mine)

    def switch(x: Any, index: Any, *numbers: Any) -> Any:
        return keras.ops.switch(index, [branch(choice, numbers) for choice in choices], x)

    def activation(x: Any) -> Any:
        numbers = reading.numbers()
        if reading.index is None:
            return branch(choices[0], numbers)(x)
        if has_weights:
            result = switch(x, reading.index(), *numbers)
        else:
            key = tuple(choice.traced for choice in choices)
            result = reading.shared.call(key, switch, x, reading.index(), *numbers)
        return with_shape(result, x.shape)

    return activation


def _find(value: Any) -> Callable[..., Any]:
    moving = parametric.parse_parametric(value) if isinstance(value, str) else None
    return names.find_activation(value) if moving is None else moving


def _make_place(layer: keras.Layer, path: str) -> ActivationPlace | None:
    if _is_activation_layer(layer):
        return WholeLayerPlace(layer, path)
    if isinstance(getattr(type(layer), "activation", None), property):
        return None
    if isinstance(layer, keras.Model) or not callable(getattr(layer, "activation", None)):
        return None
    return AttributePlace(layer, path)


def _is_activation_layer(layer: Any) -> bool:
    return type(layer) in [getattr(keras.layers, name) for name in _ACTIVATION_LAYERS]


def _own_function(layer: keras.Layer) -> Choice:
    text = _layer_text(layer)
    plain = {"ReLU": "relu", "ELU": "elu"}
    if text in plain:
        return Choice(plain[text], keras.activations.get(plain[text]))
    call = type(layer).call
    # A PReLU's weights are its own, so no other layer has its function.
    return Choice(text, lambda inputs: call(layer, inputs), id(layer) if layer.weights else 0)


def _layer_text(layer: keras.Layer) -> str:
    cls = type(layer)
    usual = cls(dtype="float32", name="usual").get_config()
    config = layer.get_config()
    options = [
        f"{name}={config[name]}"
        for name in _ACTIVATION_LAYERS[cls.__name__]
        if config[name] != usual[name] or cls.__name__ == "LeakyReLU"
    ]
    return f"{cls.__name__}({','.join(options)})" if options else cls.__name__


def _output_layers(model: keras.Model) -> set[int]:
    """Return ids of the layers whose values are the model's outputs."""
    # Layers that change no value, so that what stands before them is still the model's output.
    passing = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute)
    layers: set[int] = set()

    def trace(operation: Any) -> None:
        if id(operation) in layers:
            return
        layers.add(id(operation))
        if isinstance(operation, keras.Model):
            layers.update(_output_layers(operation))
        is_linear = getattr(operation, "activation", None) is keras.activations.linear
        if isinstance(operation, passing) or (
            isinstance(operation, keras.layers.Activation) and is_linear
        ):
            for before in keras_internals.producers(operation):
                trace(before)

    for tensor in keras_internals.outputs(model):
        trace(keras_internals.producer(tensor))
    return layers


def _is_written_hard_sigmoid(layer: keras.Layer) -> bool:
    """Return whether a layer is the ReLU(6) of `ReLU(6)(x + 3) * (1 / 6)` in operators."""
    if not isinstance(layer, keras.layers.ReLU) or layer.max_value != 6:
        return False
    before, after = keras_internals.producers(layer), keras_internals.consumers(layer)
    return (
        bool(before)
        and bool(after)
        and all(_is_operator(operation, "Add") for operation in before)
        and all(_is_operator(operation, "Multiply") for operation in after)
    )


def _is_operator(operation: Any, name: str) -> bool:
    return not isinstance(operation, keras.Layer) and type(operation).__name__ == name
