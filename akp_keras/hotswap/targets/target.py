"""What every target has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import Choice, Place
from akp_keras.hotswap.suggestion import suggestion

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
        noun: what a layer filter selects, for messages.
        obeys_layers: whether the argument `layers` of `HotSwap` restricts it.
    """

    name: ClassVar[str]
    example: ClassVar[str]
    takes_pattern: ClassVar[bool] = True
    takes_objects: ClassVar[bool] = False
    noun: ClassVar[str] = "layer"
    obeys_layers: ClassVar[bool] = False

    def check_text(self, text: str) -> None:
        """Refuses a value of the wrong form.

        Raises:
            ValueError: with what would be right, as the end of a sentence about the target.
        """
        raise NotImplementedError

    def check_value(self, value: Any) -> None:
        """Refuses a value of the wrong form or kind.

        Raises:
            ValueError: as `check_text`.
        """
        if isinstance(value, str):
            self.check_text(value)
        elif not self.takes_objects or not callable(value):
            raise ValueError(f"must be text such as {self.example!r}")

    def text_of(self, value: Any) -> str:
        """The text of a value that is an object."""
        return getattr(value, "__name__", type(value).__name__)

    def check_names(self, value: Any) -> None:
        """Refuses a name that Keras does not know.

        Raises:
            ValueError: with the nearest name.
        """


class PlaceTarget(Target):
    """A target whose places traced functions read, so that a swap falls on its exact step."""

    def places(self, model: keras.Model) -> Sequence[Place]:
        """The places of a built and compiled model, each with what it holds."""
        raise NotImplementedError

    def resolve(self, value: Any) -> Any:
        """What `choice` needs of a value, the same for all places; done once for each change.

        Raises:
            ValueError: if the value cannot be used.
        """
        return value

    def choice(self, place: Place, resolved: Any) -> Choice:
        """What a place is to hold.

        Args:
            place: one of `places`.
            resolved: what `resolve` returned for a value other than `original`.

        Raises:
            ValueError: if the place cannot hold it.
        """
        raise NotImplementedError

    def check(self, model: keras.Model) -> None:
        """Refuses a model that cannot be changed.

        Raises:
            ValueError: with the reason.
        """

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[Place]
    ) -> str:
        """The end of a message about a change that selects none of the target's places."""
        if pattern is None:
            return f"finds no {self.noun} in model {model.name!r}; name one in square brackets"
        return f"matches no {self.noun}{suggestion(pattern, {place.name for place in places})}"


class StateTarget(Target):
    """A target that is assigned to a model between two steps, once."""

    def check(self, model: keras.Model, value: str, pattern: str | None) -> None:
        """Refuses a change that cannot be made.

        Raises:
            ValueError: with the reason.
        """

    def apply(
        self, model: keras.Model, value: str, pattern: str | None, seed: Sequence[int]
    ) -> tuple[str, str, tuple[str, ...]]:
        """Makes the change.

        Args:
            model: a built and compiled model.
            value: the value.
            pattern: the layer filter.
            seed: numbers that random numbers depend on, and on nothing else.

        Returns:
            What was before, what is now, and the names of the layers.
        """
        raise NotImplementedError
