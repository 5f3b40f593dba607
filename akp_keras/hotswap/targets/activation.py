"""`activation=tanh`: the activation functions of layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from akp_keras.hotswap.calls import parse_call
from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Reading,
    layers_of,
    name_places,
    spellings,
    with_shape,
)
from akp_keras.hotswap.targets.target import PlaceTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")
names = lazily("akp_keras.hotswap.names")

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
        """A name, or one with arguments in parentheses."""
        parse_call(text)

    def check_names(self, value: Any) -> None:
        """Refuses an activation that Keras does not know."""
        names.find_activation(value)

    def text_of(self, value: Any) -> str:
        """The function's name; of an activation layer with its options."""
        return value.__name__ if hasattr(value, "__name__") else describe(value).text

    def places(self, model: keras.Model) -> Sequence[ActivationPlace]:
        """All activation functions of a model, in the order of the layers."""
        layers = list(layers_of(model))
        made = {id(layer): _make_place(layer, path) for layer, path in layers}
        # An activation layer that is the attribute of another layer belongs to that layer's place.
        inner = {
            id(layer.activation)
            for layer, _ in layers
            if made[id(layer)] is not None and hasattr(layer, "activation")
        }
        places = [made[id(layer)] for layer, _ in layers if id(layer) not in inner]
        places = [place for place in places if place is not None]
        name_places(places)
        outputs = _output_layers(model)
        for place in places:
            place.by_function = id(place.layer) not in outputs and not _is_written_hard_sigmoid(
                place.layer
            )
            is_hidden = place.original.name.lower() not in _NOT_BY_DEFAULT
            place.by_default = place.by_function and is_hidden
        return places

    def resolve(self, value: Any) -> Choice:
        """The choice for a value.

        Raises:
            ValueError: if Keras has no such activation, or it changes the shape of its input.
        """
        choice = describe(names.find_activation(value))
        sample = keras.ops.ones((2, 4))
        try:
            shape = tuple(choice.function(sample).shape)
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
        """The same function at each place."""
        return resolved


class ActivationPlace(LayerPlace):
    """One activation function of a model.

    Attributes:
        by_function: whether a layer filter that is the name of its function selects it even if
            it is not by default.
    """

    target = "activation"
    by_function = False

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Makes the layer compute a function."""
        super().put(choice, numbers)
        function = choice.function if choice.plain is None else choice.plain(numbers)
        self._set_plain(function, is_original=choice == self.original)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Makes the layer compute any of some functions for the time of a trace."""
        self._set_traced(_switch(choices, reading))

    def _set_plain(self, function: Callable[..., Any], is_original: bool) -> None:
        raise NotImplementedError

    def _set_traced(self, function: Callable[..., Any]) -> None:
        raise NotImplementedError

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """As a layer; but what is not swapped by default takes its exact name or function."""
        names = {self.layer.name, self.path, self.name}
        if not self.by_default and pattern not in names:
            return pattern in spellings(held) and self.by_function
        return super().matches(pattern, held)


class AttributePlace(ActivationPlace):
    """A layer with an `activation` attribute, the layer `Activation` among them."""

    def __init__(self, layer: keras.Layer, path: str) -> None:
        self._plain = layer.activation
        super().__init__(layer, path, describe(layer.activation))

    @property
    def held(self) -> Choice:
        """What the attribute holds now, also where it was set by hand."""
        activation = self.layer.activation
        return self._held if activation is self._plain else describe(activation)

    def _set_plain(self, function: Callable[..., Any], is_original: bool) -> None:
        self._plain = function
        keras_internals.set_quietly(self.layer, "activation", function)

    def _set_traced(self, function: Callable[..., Any]) -> None:
        self._before = self.layer.activation
        keras_internals.set_quietly(self.layer, "activation", function)

    def remove(self) -> None:
        """Sets the attribute back."""
        keras_internals.set_quietly(self.layer, "activation", self._before)


class WholeLayerPlace(ActivationPlace):
    """A layer that is an activation function: `ReLU`, `LeakyReLU`, `PReLU`, `ELU`.

    With another function it becomes an `Activation` layer, so that it is saved as one; its weights
    stay with it.
    """

    def __init__(self, layer: keras.Layer, path: str) -> None:
        super().__init__(layer, path, _own_function(layer))
        self._class = type(layer)
        self._plain: Callable[..., Any] | None = None

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
        """Gives the layer its own call again."""
        keras_internals.remove_quietly(self.layer, "call")


def describe(function: Callable[..., Any]) -> Choice:
    """The choice for a function or for an activation layer used as one."""
    if _is_activation_layer(function):
        return Choice(_layer_text(function), function)
    for attribute in ("__name__", "name"):
        text = getattr(function, attribute, None)
        if isinstance(text, str):
            is_keras = getattr(keras.activations, text, None) is function
            return Choice(text, function, 0 if is_keras else id(function))
    return Choice(type(function).__name__, function, id(function))


def _switch(choices: Sequence[Choice], reading: Reading) -> Callable[[Any], Any]:
    """A function of one argument that computes what the choice in force computes."""
    if reading.index is None:
        return choices[0].function
    # Plain one-argument functions: on JAX, optional arguments would be taken for operands.
    branches = [lambda x, f=choice.function: f(x) for choice in choices]
    return lambda x: with_shape(keras.ops.switch(reading.index(), branches, x), x.shape)


def _make_place(layer: keras.Layer, path: str) -> ActivationPlace | None:
    if _is_activation_layer(layer):
        return WholeLayerPlace(layer, path)
    if isinstance(getattr(type(layer), "activation", None), property):
        return None
    if isinstance(layer, keras.Model) or not callable(layer.__dict__.get("activation")):
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
    return Choice(text, lambda inputs: call(layer, inputs), id(layer))


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
    """Ids of the layers whose values are the model's outputs."""
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
    """Whether a layer is the ReLU(6) of `ReLU(6)(x + 3) * (1 / 6)`, written with operators."""
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
