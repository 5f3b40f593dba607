"""`loss=hinge`: the losses of a compiled model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from akp_keras.hotswap.calls import parse_call
from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import Choice, Place, Reading, with_shape
from akp_keras.hotswap.targets.target import PlaceTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")
names = lazily("akp_keras.hotswap.names")
catalogue = lazily("akp_keras.hotswap.losses.catalogue")
conversion = lazily("akp_keras.hotswap.losses.conversion")
declaration = lazily("akp_keras.hotswap.losses.declaration")
output = lazily("akp_keras.hotswap.losses.output")
trial = lazily("akp_keras.hotswap.losses.trial")


class Loss(PlaceTarget):
    """The losses of all outputs, or of those that a filter selects."""

    name = "loss"
    example = "hinge"
    takes_objects = True
    noun = "output"

    def check_text(self, text: str) -> None:
        """Accept a name, or one with arguments in parentheses."""
        parse_call(text)

    def check_names(self, value: Any) -> None:
        """Refuse a loss that Keras does not know."""
        names.find_loss(value)

    def text_of(self, value: Any) -> str:
        """Return the function's name; of a loss object of Keras with its options."""
        return value.__name__ if hasattr(value, "__name__") else catalogue.describe(value).text

    def places(self, model: keras.Model) -> Sequence[LossPlace]:
        """Return the losses of a compiled model, named as in the history; one has no name."""
        entries = keras_internals.loss_entries(model)
        originals = [catalogue.describe(entry.loss) for entry in entries]
        titles = _titles([entry.name for entry in entries], [each.text for each in originals])
        return [
            LossPlace(output.describe_output(title, entry.output, original), entry, original)
            for entry, title, original in zip(entries, titles, originals, strict=True)
        ]

    def resolve(self, value: Any) -> Any:
        """Return the loss of a value, and what is known of it."""
        return catalogue.describe(names.find_loss(value), value)

    def choice(self, place: LossPlace, resolved: Any) -> LossChoice:
        """Return the loss with the conversion that an output needs.

        Raises:
            ValueError: if the output cannot be turned into what the loss asks for, or the loss
                cannot be computed.
        """
        same = (resolved.text, resolved.identity) == (place.original.text, place.original.identity)
        return place.original if same else _choice(place.output, resolved)

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[Place]
    ) -> str:
        """Say also where there is no loss, or one output only."""
        if not keras_internals.has_loss(model):
            return f"changes a loss; model {model.name!r} is compiled without a loss"
        if len(places) == 1:
            return "matches no output; the model has one, so write loss= without a filter"
        return super().nothing_selected(model, pattern, places)


@dataclass(frozen=True)
class LossChoice(Choice):
    """A loss that an output can have.

    Attributes:
        declared: what a saved model is compiled with: a name, or a loss object.
        is_declared: whether what is declared computes the same without conversion.
    """

    declared: Any = field(default=None, compare=False)
    is_declared: bool = field(default=True, compare=False)


class LossPlace(Place):
    """The loss of one output.

    Attributes:
        output: what is known of the output.
        entry: the loss as Keras keeps it.
        untried: choices that the next call tries first, so that one that cannot be computed is
            noticed at the first step and not when its turn comes.
        unbound: why the loss cannot be swapped, as far as Keras' first step showed it; else empty.
    """

    target = "loss"

    def __init__(self, output: Any, entry: Any, original: Any) -> None:
        # The function of the compiled loss is what Keras has resolved it to: it is asked for it.
        super().__init__(
            output.name,
            LossChoice(original.text, None, original.identity, declared=entry.loss),
        )
        self.output = output
        self.entry = entry
        self.untried: tuple[Choice, ...] = ()
        self.unbound = ""
        self._traced: Callable[[Callable, Any, Any, Any], Any] | None = None

    @property
    def key(self) -> None:
        """A model that is compiled anew has new losses."""
        return None

    @property
    def is_in_use(self) -> bool:
        """Whether anything but the compiled loss is or may be in force."""
        return bool(self.untried or self._traced) or self.held != self.original

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Hold another loss.

        Raises:
            ValueError: if Keras' losses were found to be others.
        """
        if self.unbound and choice != self.original:
            raise ValueError(self.unbound)
        super().put(choice, numbers)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Make the losses of the trace in progress go through a switch.

        Raises:
            ValueError: if Keras' losses were found to be others.
        """
        if self.unbound:
            raise ValueError(self.unbound)

        def switched(compiled: Callable, y_true: Any, y_pred: Any, weight: Any) -> Any:
            losses = [_function(choice, compiled) for choice in choices]
            if reading.index is None:
                return losses[0](y_true, y_pred, weight)
            branches = [lambda f=loss: f(y_true, y_pred, weight) for loss in losses]
            return with_shape(keras.ops.switch(reading.index(), branches), ())

        self._traced = switched

    def remove(self) -> None:
        """End the trace."""
        self._traced = None

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """Return whether a filter matches the output's name; one output has none."""
        return bool(self.name) and re.fullmatch(pattern, self.name) is not None

    def bind(self, compiled: Callable[..., Any]) -> Callable[..., Any]:
        """Return what takes the place of a loss that Keras resolved."""

        def loss(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            untried, self.untried = self.untried, ()
            for choice in untried:
                function = _function(choice, compiled)
                trial.try_loss(choice.text, function, y_true, y_pred, sample_weight)
            if self._traced is not None:
                return self._traced(compiled, y_true, y_pred, sample_weight)
            return _function(self.held, compiled)(y_true, y_pred, sample_weight)

        return loss


def route(model: keras.Model, places: Sequence[LossPlace]) -> None:
    """Make the losses of a compiled model go through their places.

    Keras resolves losses at the first step. Where it comes to other outputs than were known
    before, a single place stands for all of them.

    Raises:
        ValueError: in the first step, if it is not clear which place an output has, and a loss is
            swapped.
    """
    by_key = {place.entry.key: place for place in places}

    def replace(entries: Sequence[Any]) -> list[Callable[..., Any]]:
        keys = [entry.key for entry in entries]
        if len(places) == 1:
            return [places[0].bind(entry.loss) for entry in entries]
        if set(keys) != set(by_key):
            message = (
                f"HotSwap took the losses of model {model.name!r} for those of "
                f"{', '.join(sorted(map(str, by_key)))}, and Keras has them for "
                f"{', '.join(sorted(map(str, keys)))}; compile with a dict of losses by output"
            )
            if any(place.is_in_use for place in places):
                raise ValueError(message)
            for place in places:
                place.unbound = message
            return [entry.loss for entry in entries]
        return [by_key[entry.key].bind(entry.loss) for entry in entries]

    if places:
        keras_internals.replace_losses(model, replace)


def declare(model: keras.Model, places: Sequence[LossPlace]) -> None:
    """Make the losses in force those that a saved model is compiled with.

    Keras has no equal for some: then it warns when the model is saved.
    """
    unequal = [place.held.text for place in places if not place.held.is_declared]
    warning = None
    if unequal:
        warning = (
            f"the loaded model will not compute the loss in force, {' and '.join(unequal)}: it has "
            f"no equal in Keras that takes outputs and labels as they are, or Keras does not save "
            f"its options; to go on training, load with compile=False, compile with the loss that "
            f"the model had first, and swap again"
        )
    keras_internals.warn_when_saved(model, warning)
    is_original = all(place.held == place.original for place in places)
    declared = {place.entry.key: place.held.declared for place in places}
    keras_internals.declare_losses(model, {} if is_original else declared)


def _titles(names: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Return names of places: of the outputs, with the loss where an output has several."""
    if len(names) == 1:
        return [""]
    return [
        f"{name}/{text}" if names.count(name) > 1 else name
        for name, text in zip(names, texts, strict=True)
    ]


def _function(choice: Choice, compiled: Callable[..., Any]) -> Callable[..., Any]:
    return compiled if choice.function is None else choice.function


def _choice(place_output: Any, loss: Any) -> LossChoice:
    if loss.function_name is None:
        return LossChoice(loss.text, loss.loss, loss.identity, declared=loss.declared)
    if not loss.compares_classes:
        raise ValueError(f"loss {loss.text!r} compares no classes; take another one")
    output.check_fits(place_output, loss.definition, loss.text)
    if place_output.kind == "other":
        trial.check_computable(place_output, loss.text, loss.loss)
        is_whole = isinstance(loss.declared, str) or declaration.is_saved_whole(loss.declared)
        return LossChoice(loss.text, loss.loss, declared=loss.declared, is_declared=is_whole)
    converted = conversion.Converted(place_output, loss.definition, loss.loss)
    trial.check_computable(place_output, loss.text, converted)
    equal = declaration.equal_without_conversion(place_output, loss, converted)
    if equal is None:
        return LossChoice(loss.text, converted, declared=loss.declared, is_declared=False)
    return LossChoice(loss.text, converted, declared=equal)
