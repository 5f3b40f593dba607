"""What every target has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from akp_keras.hints import hint
from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.moving import Moving, Number
from akp_keras.hotswap.places import Choice, Place, number_choice
from akp_keras.hotswap.targets.forms import Range

keras = lazily("keras")


class Target:
    """One kind of thing that a swap changes.

    A new one is a file with a subclass, which `akp_keras.hotswap.targets` lists. Its values are
    read and checked without Keras.

    Attributes:
        name: what stands before `=`.
        example: a value of the right form.
        takes_pattern: whether a filter in square brackets may follow the name.
        takes_objects: whether functions and objects are values beside text.
        takes_original: whether `original` is a value: what the model had before its first swap.
        noun: what a layer filter selects, for messages.
        obeys_layers: whether the argument `layers` of `HotSwap` restricts it.
        is_in_fit: whether `HotSwap` carries it out; else it changes the data before `fit`.
    """

    name: ClassVar[str]
    example: ClassVar[str]
    takes_pattern: ClassVar[bool] = True
    takes_objects: ClassVar[bool] = False
    takes_original: ClassVar[bool] = False
    noun: ClassVar[str] = "layer"
    obeys_layers: ClassVar[bool] = False
    is_in_fit: ClassVar[bool] = True

    def check_text(self, text: str) -> None:
        """Refuse a value of the wrong form.

        Raises:
            ValueError: with what would be right, as the end of a sentence about the target.
        """
        raise NotImplementedError

    def check_value(self, value: Any) -> None:
        """Refuse a value of the wrong form or kind.

        Raises:
            ValueError: as `check_text`.
        """
        if isinstance(value, str):
            if value != "original" or not self.takes_original:
                self.check_text(value)
        elif not self.takes_objects or not callable(value):
            raise ValueError(f"must be text such as {self.example!r}")

    def text_of(self, value: Any) -> str:
        """Return the text of a value that is an object."""
        return getattr(value, "__name__", type(value).__name__)

    def is_assigned(self, value: Any, pattern: str | None) -> bool:
        """Return whether a change is made once, between two steps, and not held by places."""
        return False

    def check_names(self, value: Any) -> None:
        """Refuse a name that Keras does not know.

        Raises:
            ValueError: with the nearest name.
        """


class PlaceTarget(Target):
    """A target whose places traced functions read, so that a swap falls on its exact step."""

    takes_original = True

    def places(self, model: keras.Model) -> Sequence[Place]:
        """Return the places of a built and compiled model, each with what it holds."""
        raise NotImplementedError

    def resolve(self, value: Any) -> Any:
        """Return what `choice` needs of a value, the same for all places; done once per change.

        Raises:
            ValueError: if the value cannot be used.
        """
        return value

    def choice(self, place: Place, resolved: Any) -> Choice:
        """Return what a place is to hold.

        Args:
            place: one of `places`.
            resolved: what `resolve` returned for a value other than `original`.

        Raises:
            ValueError: if the place cannot hold it.
        """
        raise NotImplementedError

    def check(self, model: keras.Model, value: Any, pattern: str | None) -> None:
        """Refuse a change that the model does not allow.

        Raises:
            ValueError: with the reason.
        """

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[Place]
    ) -> str:
        """Return the end of a message about a change that selects none of the target's places."""
        if pattern is None:
            return f"finds no {self.noun} in model {model.name!r}; name one in square brackets"
        return f"matches no {self.noun}; {hint(pattern, sorted(place.name for place in places))}"


class NumberTarget(PlaceTarget):
    """A target whose values are numbers, which may move.

    Attributes:
        allowed: the range of its numbers.
    """

    takes_objects = True
    allowed: ClassVar[Range]

    def check_value(self, value: Any) -> None:
        """Accept a number in the range, one that moves, or a function of epoch and step."""
        if isinstance(value, str):
            super().check_value(value)
        elif callable(value):
            self.allowed.read(value)
        else:
            raise ValueError(f"must be text such as {self.example!r}, or a function")

    def check_text(self, text: str) -> None:
        """Accept a number in the range, or one that moves."""
        self.allowed.read(text)

    def resolve(self, value: Any) -> tuple[str, Number, int]:
        """Return the value's text, its number, and what tells functions of the same name apart."""
        number = self.allowed.read(value)
        if not isinstance(value, str):
            return self.text_of(value), number, id(value)
        return (value if isinstance(number, Moving) else f"{number:.12g}"), number, 0

    def choice(self, place: Place, resolved: tuple[str, Number, int]) -> Choice:
        """Return the number."""
        return number_choice(*resolved)


class StateTarget(Target):
    """A target that is assigned to a model between two steps, once."""

    def is_assigned(self, value: Any, pattern: str | None) -> bool:
        """Return whether a change is an assignment: all are."""
        return True

    def check(self, model: keras.Model, value: Any, pattern: str | None) -> None:
        """Refuse a change that cannot be made.

        Raises:
            ValueError: with the reason.
        """

    def apply(
        self, model: keras.Model, value: str, pattern: str | None, seed: Sequence[int]
    ) -> tuple[str, str, tuple[str, ...]]:
        """Make the change.

        Args:
            model: a built and compiled model.
            value: the value.
            pattern: the layer filter.
            seed: numbers that random numbers depend on, and on nothing else.

        Returns:
            What was before, what is now, and the names of the layers.
        """
        raise NotImplementedError
