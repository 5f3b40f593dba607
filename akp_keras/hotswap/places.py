"""Where a model holds what a swap changes, and what can be held there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.moving import Number

if TYPE_CHECKING:
    from akp_keras.hotswap.optimizer_step import OptimizerStep
    from akp_keras.hotswap.sharing import SharedFunctions

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")


@dataclass(frozen=True)
class Choice:
    """What a place can hold.

    Attributes:
        text: its name, with its options in parentheses where they are not the usual ones.
        function: what the place makes of it: a function, a loss, or a number.
        identity: tells functions of the same text apart; 0 where the text says all.
        numbers: what the function is given beside its arguments, at every step.
        is_plain: whether a model that it is put into computes it by itself.
        draws: whether a step draws random numbers by the key that it is given.
        plain: returns what the model holds between steps, from the numbers; None where that is the
            function.
        form: what has to be traced; choices of one form differ in their numbers only. Empty where
            that is the text.
    """

    text: str
    function: Any = field(compare=False)
    identity: int = 0
    numbers: tuple[Number, ...] = field(default=(), compare=False)
    is_plain: bool = field(default=True, compare=False)
    draws: bool = field(default=False, compare=False)
    plain: Callable[[Sequence[float]], Any] | None = field(default=None, compare=False)
    form: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The text without its options."""
        return self.text.partition("(")[0]

    @property
    def traced(self) -> tuple[str, int]:
        """Equal for the choices that one traced branch serves."""
        return self.form or self.text, self.identity


def number_choice(text: str, number: Number, identity: int = 0, draws: bool = False) -> Choice:
    """Return a choice that is a number; all of them are of one form."""
    return Choice(text, None, identity, (number,), is_plain=False, draws=draws, form="number")


def constant(number: float) -> Choice:
    """Return the choice for a number that does not move."""
    return number_choice(f"{float(number):.12g}", float(number))


@dataclass(frozen=True)
class Reading:
    """What a traced step reads of one place.

    Attributes:
        index: returns a scalar int32 tensor: which of the choices is in force; None where there is
            one.
        numbers: returns scalar float32 tensors: the numbers of the choice in force.
        key: returns an int32 tensor (2,) that is another one for each training step and seed.
        shared: functions that places of the same trace have in common.
    """

    index: Callable[[], Any] | None
    numbers: Callable[[], Sequence[Any]]
    key: Callable[[], Any]
    shared: SharedFunctions


class Place:
    """One thing in a model that a swap changes.

    Between steps it holds a plain choice (`put`). While Keras traces a train or test function, it
    holds whatever can be in force there (`install`), and then the plain choice again (`remove`).

    Attributes:
        target: name of the target that it belongs to.
        name: its name, as records and layer filters use it.
        original: what it held before the first swap.
        by_default: whether a change without a layer filter selects it.
        structural: whether each choice needs traced functions of its own.
        ends_with_fit: whether it returns to `original` when training ends.
        is_in_prediction: whether it matters where the model predicts.
    """

    target: ClassVar[str]
    structural: ClassVar[bool] = False
    ends_with_fit: ClassVar[bool] = False
    is_in_prediction: ClassVar[bool] = False
    by_default = True

    def __init__(self, name: str, original: Choice) -> None:
        self.name = name
        self.original = original
        self._held = original

    @property
    def key(self) -> Any:
        """Tells the same place again after the model is compiled anew; None for a new one."""
        return self.target, self.name

    @property
    def held(self) -> Choice:
        """What the model holds now, outside of traced functions."""
        return self._held

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Make the model hold a choice.

        Args:
            choice: the choice.
            numbers: what the choice's numbers are now.
        """
        self._held = choice

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Make the model hold all of some choices for the time of a trace.

        Args:
            choices: of different forms.
            reading: says which is in force.
        """
        raise NotImplementedError

    def remove(self) -> None:
        """End what `install` began."""
        raise NotImplementedError

    def plan(self, choices: Sequence[Choice], reading: Reading, step: OptimizerStep) -> None:
        """Say what the optimizer is to do in a training step; nothing by default.

        Args:
            choices: of different forms, as in `install`, or what is held where that is left alone.
            reading: says which is in force.
            step: what the optimizer does.
        """

    def forget(self) -> None:
        """Forget what earlier trainings have left beside the model's own variables."""

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """Return whether a layer filter selects it.

        Args:
            pattern: a regular expression that must match in full.
            held: texts of what it may hold.
        """
        return re.fullmatch(pattern, self.name) is not None


class LayerPlace(Place):
    """A place in a layer.

    Attributes:
        layer: the layer.
        path: the layer's name, with those of the layers around it.
        by_container: whether a filter that matches a layer or model around it selects it.
    """

    by_container: ClassVar[bool] = False

    def __init__(self, layer: keras.Layer, path: str, original: Choice) -> None:
        super().__init__(path, original)
        self.layer = layer
        self.path = path
        self.layer_class = type(layer).__name__

    @property
    def key(self) -> Any:
        """The layer."""
        return self.target, id(self.layer)

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """Return whether a filter matches the layer's name, path or class, or what it may hold."""
        subjects = {self.layer.name, self.path, self.name, self.layer_class, *spellings(held)}
        if self.by_container:
            subjects |= set(self.path.split("/"))
        return any(re.fullmatch(pattern, subject) for subject in subjects)


AnyLayerPlace = TypeVar("AnyLayerPlace", bound=LayerPlace)


class NumberPlace(Place):
    """A place that holds a number, as it is or as a scalar tensor while a function is traced."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        (self._number,) = self.original.numbers

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Set the number."""
        super().put(choice, numbers)
        (self._number,) = numbers
        self._set(self._number)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Set the number in force for the time of a trace."""
        (number,) = reading.numbers()
        self._set(number)

    def remove(self) -> None:
        """Set the number back."""
        self._set(self._number)

    def _set(self, number: Any) -> None:
        raise NotImplementedError


def own_weights(layer: keras.Layer, weights: Sequence[keras.Variable]) -> list[keras.Variable]:
    """Return those of a layer's weights that belong to no layer inside it."""
    inner = {id(w) for sublayer in keras_internals.sublayers(layer) for w in sublayer.weights}
    return [weight for weight in weights if id(weight) not in inner]


def spellings(texts: Sequence[str]) -> set[str]:
    """Return texts, and the names in them as they are and in small letters."""
    names = {text.partition("(")[0] for text in texts}
    return {*texts, *names, *(name.lower() for name in names)}


def layers_of(model: keras.Model) -> Iterator[tuple[keras.Layer, str]]:
    """Return all layers inside a model, nested ones after those around them, each once.

    Yields:
        A layer and its path. A recurrent layer's cell has the path of the recurrent layer, by whose
        name it is known.
    """
    seen = {id(model)}

    def walk(container: keras.Layer, prefix: str) -> Iterator[tuple[keras.Layer, str]]:
        for layer in keras_internals.sublayers(container):
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            is_cell = isinstance(container, keras.layers.RNN)
            path = prefix.rstrip("/") if is_cell else f"{prefix}{layer.name}"
            yield layer, path
            yield from walk(layer, f"{path}/")

    return walk(model, "")


def named(places: Iterable[AnyLayerPlace]) -> list[AnyLayerPlace]:
    """Return places named by their layers, or by paths where layers have the same name."""
    places = list(places)
    names = [place.layer.name for place in places]
    for place in places:
        is_cell = place.path.rpartition("/")[2] != place.layer.name
        is_unique = names.count(place.layer.name) == 1
        place.name = place.layer.name if is_unique and not is_cell else place.path
    return places


def with_shape(tensor: Any, shape: Any) -> Any:
    """Return the tensor with a shape that TensorFlow forgets in a switch, and Keras needs."""
    if hasattr(tensor, "set_shape"):
        tensor.set_shape(shape)
    return tensor
