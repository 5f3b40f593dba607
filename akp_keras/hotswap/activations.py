"""Where a model has activation functions, and which of them a swap may change."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.names import find_activation

# What is left alone unless it is asked for by name: no non-linearity, gates, and the functions of
# output layers.
_NOT_BY_DEFAULT = ("linear", "sigmoid", "hard_sigmoid", "softmax", "log_softmax")

# The layers that are an activation function without the attribute `activation`, and the options
# that are part of it.
_ACTIVATION_LAYERS = {
    keras.layers.ReLU: ("max_value", "negative_slope", "threshold"),
    keras.layers.LeakyReLU: ("negative_slope",),
    keras.layers.ELU: ("alpha",),
    keras.layers.PReLU: (),
}

# Layers that change no value, so that what stands before them is still the model's output.
_PASSING = (keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute)


@dataclass(frozen=True)
class Choice:
    """A function that a place in the model can hold.

    Attributes:
        text: its name, with its options in parentheses where they are not the usual ones.
        function: the function itself.
        identity: tells functions of the same text apart; 0 where the text says all.
    """

    text: str
    function: Callable[..., Any] = field(compare=False)
    identity: int = 0

    @property
    def name(self) -> str:
        """The text without its options."""
        return self.text.partition("(")[0]


class Site:
    """One activation function of a model.

    Attributes:
        layer: the layer that has it.
        name: the layer's name; with the names of the models around it where it is not unique.
        original: what it held before the first swap.
        by_default: whether a change without a layer filter selects it.
        by_function: whether a layer filter that is the name of its function selects it even if
            it is not by default.
    """

    target = "activation"

    def __init__(self, layer: keras.Layer, path: str, original: Choice) -> None:
        self.layer = layer
        self.path = path
        self.name = path
        self.original = original
        self.by_default = False
        self.by_function = False
        self._class = type(layer)

    @property
    def held(self) -> Choice:
        """What the layer holds now, outside of traced functions."""
        raise NotImplementedError

    def install(self, function: Callable[..., Any]) -> None:
        """Set the function for the time of a trace."""
        raise NotImplementedError

    def install_switch(
        self, functions: Sequence[Callable[..., Any]], index: Callable[[], Any]
    ) -> None:
        """Set a switch between functions for the time of a trace.

        Args:
            functions: the functions.
            index: gives the scalar int32 tensor that says which one is in force.
        """
        # Plain one-argument functions: on JAX, optional arguments would be taken for operands.
        branches = [lambda x, f=f: f(x) for f in functions]

        def activation(x: Any) -> Any:
            return with_shape(keras.ops.switch(index(), branches, x), x.shape)

        self.install(activation)

    def put(self, choice: Choice) -> None:
        """Set the plain function for good."""
        raise NotImplementedError

    def matches(self, pattern: str, texts: Iterable[str]) -> bool:
        """Return whether a layer filter selects it.

        Args:
            pattern: a regular expression that must match the layer's name, path or class name,
                or a function's name, in full.
            texts: the functions that it may hold.
        """
        names = {self.layer.name, self.path, self.name}
        functions = set()
        for text in texts:
            name = text.partition("(")[0]
            functions |= {text, name, name.lower()}
        if not self.by_default and pattern not in names:
            return pattern in functions and self.by_function
        subjects = names | functions | {self._class.__name__}
        return any(re.fullmatch(pattern, subject) for subject in subjects)


class AttributeSite(Site):
    """A layer with an `activation` attribute, the layer `Activation` among them."""

    @property
    def held(self) -> Choice:
        """What the attribute holds now."""
        return describe(self.layer.activation)

    def install(self, function: Callable[..., Any]) -> None:
        """Set the attribute for the time of a trace."""
        keras_internals.set_quietly(self.layer, "activation", function)

    def put(self, choice: Choice) -> None:
        """Set the attribute."""
        keras_internals.set_quietly(self.layer, "activation", choice.function)


class LayerSite(Site):
    """A layer that is an activation function: `ReLU`, `LeakyReLU`, `PReLU`, `ELU`.

    With another function it becomes an `Activation` layer, so that it is saved as one; its weights
    stay with it.
    """

    @property
    def held(self) -> Choice:
        """The layer's own function, or that of the `Activation` layer that it has become."""
        if type(self.layer) is self._class:
            return self.original
        return describe(self.layer.activation)

    def install(self, function: Callable[..., Any]) -> None:
        """Set the layer's call for the time of a trace."""
        keras_internals.set_quietly(self.layer, "call", lambda inputs: function(inputs))

    def put(self, choice: Choice) -> None:
        """Turn the layer into what computes the function."""
        keras_internals.remove_quietly(self.layer, "call")
        if choice == self.original:
            keras_internals.set_class(self.layer, self._class)
            keras_internals.remove_quietly(self.layer, "activation")
        else:
            keras_internals.set_class(self.layer, keras.layers.Activation)
            keras_internals.set_quietly(self.layer, "activation", choice.function)
        if self.layer.weights:
            keras_internals.save_without_weights(self.layer, in_use=choice == self.original)


def describe(function: Callable[..., Any]) -> Choice:
    """Return the choice for a function or for an activation layer used as one."""
    if type(function) in _ACTIVATION_LAYERS:
        return Choice(_layer_text(function), function)
    for attribute in ("__name__", "name"):
        text = getattr(function, attribute, None)
        if isinstance(text, str):
            is_keras = getattr(keras.activations, text, None) is function
            return Choice(text, function, 0 if is_keras else id(function))
    return Choice(type(function).__name__, function, id(function))


def text_of(function: Callable[..., Any]) -> str:
    """Return the name of an activation, with options that are not the default in parentheses."""
    return describe(function).text


def with_shape(tensor: Any, shape: Any) -> Any:
    """Return the tensor with a shape that TensorFlow forgets in a switch, and Keras needs."""
    if hasattr(tensor, "set_shape"):
        tensor.set_shape(shape)
    return tensor


def find_sites(
    model: keras.Model,
    known: Iterable[Site] = (),
    others: Iterable[Callable[[keras.Layer, str], Site | None]] = (),
) -> list[Site]:
    """Return all activation functions of a model, nested models included; shared layers once.

    Args:
        model: a built model.
        known: the sites that were found before; they are kept, with what was original to them.
        others: further kinds of places: from a layer and its path, the place or None. They are
            asked about the model itself too, whose path is empty.

    Returns:
        The sites, in the order of the layers.
    """
    known = {id(site.layer): site for site in known}
    others = tuple(others)
    makers = (_make_site, *others)
    sites: list[Site] = []
    seen: set[int] = {id(model)}

    def walk(container: keras.Layer, prefix: str) -> None:
        inner = keras_internals.sublayers(container)
        own = getattr(container, "activation", None)
        for layer in inner:
            if id(layer) in seen or (layer is own and id(container) in known_ids):
                continue
            seen.add(id(layer))
            path = f"{prefix}{layer.name}"
            if isinstance(container, keras.layers.RNN):
                # A recurrent layer is known by its own name, not by that of its cell.
                path = prefix.rstrip("/")
            site = known.get(id(layer)) or next(
                filter(None, (m(layer, path) for m in makers)), None
            )
            if site is not None:
                sites.append(site)
                known_ids.add(id(layer))
            walk(layer, f"{path}/")

    known_ids: set[int] = set()
    of_model = [known.get(id(model)) or next(filter(None, (m(model, "") for m in others)), None)]
    walk(model, "")
    sites += filter(None, of_model)
    names = [site.layer.name for site in sites]
    for site in sites:
        unique = names.count(site.layer.name) == 1 and "/" in site.path
        is_cell = site.path.rpartition("/")[2] != site.layer.name
        site.name = site.layer.name if unique and not is_cell else site.path
    outputs = _output_layers(model)
    for site in sites:
        is_output = id(site.layer) in outputs
        site.by_function = not is_output and not _is_written_hard_sigmoid(site.layer)
        site.by_default = site.by_function and site.original.name.lower() not in _NOT_BY_DEFAULT
    return sites


def select(
    sites: list[Site],
    held: list[Choice],
    pattern: str | None,
    layers: tuple[str, ...] | None,
    target: str = "activation",
) -> list[int]:
    """Return the places that a change is for.

    Args:
        sites: all activation functions of the model.
        held: what each holds now.
        pattern: the change's layer filter; None for all that are swapped by default.
        layers: further filters, of which one must match; None for no such restriction. What one
            of them names exactly is selected even if it is not by default.
        target: of the change; other places are not for it.

    Returns:
        Indices into `sites`.
    """
    return [
        index
        for index, site in enumerate(sites)
        if site.target == target and _may_select(site, pattern, layers, [held[index].text])
    ]


def candidates(
    sites: list[Site],
    held: list[Choice],
    changes: Iterable[tuple[str, str | None, Choice | None]],
    layers: tuple[str, ...] | None,
) -> list[tuple[Choice, ...]]:
    """Return, for each place, all that it may hold after some of the changes in any order.

    Args:
        sites: all activation functions of the model.
        held: what each holds now.
        changes: a target, a layer filter and a choice each; None is what was original.
        layers: as in `select`.

    Returns:
        The choices of each place, sorted by text; the original one is always among them.
    """
    changes = list(changes)
    result = []
    for site, now in zip(sites, held, strict=True):
        possible = {site.original: None, now: None}
        while True:
            texts = [choice.text for choice in possible]
            reached = {
                choice or site.original: None
                for target, pattern, choice in changes
                if site.target == target and _may_select(site, pattern, layers, texts)
            }
            if reached.keys() <= possible.keys():
                break
            possible.update(reached)
        result.append(tuple(sorted(possible, key=lambda choice: choice.text)))
    return result


def resolve(value: Any) -> Choice | None:
    """Return the choice for the value of a change; None for `original`.

    Raises:
        ValueError: if Keras has no such activation, or it changes the shape of what it is given.
    """
    if value == "original":
        return None
    function = find_activation(value)
    choice = describe(function)
    sample = keras.ops.ones((2, 4))
    try:
        shape = tuple(function(sample).shape)
    except Exception as error:
        raise ValueError(f"activation {choice.text!r} fails on a (2, 4) tensor: {error}") from None
    if shape != (2, 4):
        raise ValueError(
            f"activation {choice.text!r} turns shape (2, 4) into {shape}; take one that keeps it"
        )
    return choice


def _may_select(
    site: Site, pattern: str | None, layers: tuple[str, ...] | None, texts: list[str]
) -> bool:
    if site.target != "activation":
        layers = None
    if layers is not None and not any(site.matches(layer, ()) for layer in layers):
        return False
    if pattern is None:
        return site.by_default or layers is not None
    if site.matches(pattern, texts):
        return True
    return layers is not None and re.fullmatch(pattern, site.name) is not None


def _make_site(layer: keras.Layer, path: str) -> Site | None:
    if type(layer) in _ACTIVATION_LAYERS:
        return LayerSite(layer, path, _own_function(layer))
    if isinstance(getattr(type(layer), "activation", None), property):
        return None
    if isinstance(layer, keras.Model) or not callable(layer.__dict__.get("activation")):
        return None
    return AttributeSite(layer, path, describe(layer.activation))


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
        for name in _ACTIVATION_LAYERS[cls]
        if config[name] != usual[name] or (cls is keras.layers.LeakyReLU)
    ]
    return f"{cls.__name__}({','.join(options)})" if options else cls.__name__


def _output_layers(model: keras.Model) -> set[int]:
    """Return ids of the layers whose values are the model's outputs."""
    try:
        tensors = list(model.outputs)
    except (AttributeError, ValueError):
        return set()
    layers: set[int] = set()

    def trace(operation: Any) -> None:
        if id(operation) in layers:
            return
        layers.add(id(operation))
        if isinstance(operation, keras.Model):
            layers.update(_output_layers(operation))
        linear = getattr(operation, "activation", None) is keras.activations.linear
        if isinstance(operation, _PASSING) or (
            isinstance(operation, keras.layers.Activation) and linear
        ):
            for before in keras_internals.producers(operation):
                trace(before)

    for tensor in tensors:
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
