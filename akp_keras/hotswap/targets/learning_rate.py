"""`optimizer.learning_rate=0.01`: another learning rate, of all weights or of some layers'."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.moving import Moving, Number
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Place,
    Reading,
    layers_of,
    named,
    number_choice,
    own_weights,
)
from akp_keras.hotswap.targets.forms import Range
from akp_keras.hotswap.targets.target import NumberTarget, StateTarget

if TYPE_CHECKING:
    from akp_keras.hotswap.optimizer_step import OptimizerStep

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")

# What a layer has that follows the optimizer's own learning rate.
_FOLLOWS = -1.0


class LearningRate(NumberTarget, StateTarget):
    """The learning rate of the model's optimizer, or one of their own for layers.

    A constant is assigned to the optimizer, once, so that other callbacks may change it later. One
    that moves is assigned in each training step. A layer with a learning rate of its own keeps it
    whatever the optimizer's is; weight decay follows the optimizer's.
    """

    name = "optimizer.learning_rate"
    example = "0.01"
    noun = "layer with trainable weights"
    allowed = Range("a number above 0", without=(0,), may_touch=True)

    def is_assigned(self, value: Any, pattern: str | None) -> bool:
        """Return whether the change is an assignment to the optimizer."""
        if pattern is not None or value == "original":
            return False
        return not isinstance(self.allowed.read(value), Moving)

    def places(self, model: keras.Model) -> Sequence[Place]:
        """Return the optimizer, which no filter selects, and the layers with trainable weights."""
        layers = named(
            OwnRatePlace(layer, path)
            for layer, path in layers_of(model)
            if own_weights(layer, layer.trainable_weights)
        )
        return [RatePlace(), *layers]

    def choice(self, place: Place, resolved: tuple[str, Number, int]) -> Choice:
        """Return the learning rate; a constant one of the optimizer is not traced."""
        text, number, identity = resolved
        if isinstance(place, RatePlace) and not isinstance(number, Moving):
            return Choice(text, None, form=place.original.form)
        return number_choice(text, number, identity)

    def check(self, model: keras.Model, value: Any, pattern: str | None) -> None:
        """Refuse an optimizer whose learning rate follows a schedule of its own."""
        optimizer = keras_internals.inner_optimizer(model)
        if pattern is None and value == "original":
            raise ValueError("the optimizer has one learning rate; write it as a number")
        if pattern is None and isinstance(optimizer.get_config()["learning_rate"], dict):
            raise ValueError(
                "the optimizer's learning rate follows a LearningRateSchedule; compile the model "
                "with a number"
            )

    def apply(
        self, model: keras.Model, value: str, pattern: str | None, seed: Sequence[int]
    ) -> tuple[str, str, tuple[str, ...]]:
        """Set the learning rate."""
        optimizer = keras_internals.inner_optimizer(model)
        before = float(optimizer.learning_rate)
        optimizer.learning_rate = float(value)
        return f"{before:.6g}", value, ()


class RatePlace(Place):
    """The learning rate of the optimizer, while it moves."""

    target = "optimizer.learning_rate"

    def __init__(self) -> None:
        super().__init__("", Choice("original", None, form="as it is"))

    def matches(self, pattern: str, held: Sequence[str]) -> bool:
        """Return False: no filter selects it."""
        return False

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Do nothing beside what is planned."""

    def remove(self) -> None:
        """Do nothing."""

    def plan(self, choices: Sequence[Choice], reading: Reading, step: OptimizerStep) -> None:
        """Begin each step with the learning rate in force, where it moves."""
        moving = [bool(choice.numbers) for choice in choices]
        if not any(moving):
            return

        def rate(own: Any) -> Any:
            (number,) = reading.numbers()
            if reading.index is None:
                return number
            is_moving = keras.ops.take(keras.ops.convert_to_tensor(moving), reading.index())
            return keras.ops.where(is_moving, number, own)

        step.set_learning_rate(rate)


class OwnRatePlace(LayerPlace):
    """A learning rate of a layer's own."""

    target = "optimizer.learning_rate"
    by_default = False
    by_container = True

    def __init__(self, layer: keras.Layer, path: str) -> None:
        super().__init__(layer, path, number_choice("original", _FOLLOWS))

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Do nothing beside what is planned."""

    def remove(self) -> None:
        """Do nothing."""

    def plan(self, choices: Sequence[Choice], reading: Reading, step: OptimizerStep) -> None:
        """Update the layer's weights at the rate in force."""

        def rate(own: Any) -> Any:
            (number,) = reading.numbers()
            if isinstance(number, float):
                return own if number < 0 else number
            return keras.ops.where(number < 0, keras.ops.convert_to_tensor(own), number)

        weights = own_weights(self.layer, self.layer.trainable_weights)
        step.set_learning_rate_of(weights, rate)
