"""`trainable[conv.*]=false`: layers that training leaves alone for a while."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import (
    Choice,
    LayerPlace,
    Reading,
    layers_of,
    named,
    own_weights,
    with_shape,
)
from akp_keras.hotswap.targets.target import PlaceTarget

if TYPE_CHECKING:
    from akp_keras.hotswap.optimizer_step import OptimizerStep

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")

_CHOICES = {"true": Choice("true", True), "false": Choice("false", False, is_plain=False)}


class Trainable(PlaceTarget):
    """Whether training changes the weights of layers, as `layer.trainable` at compile time.

    A layer that is not trainable has no gradient: its optimizer slots stay, momentum and weight
    decay do not move it, and a `BatchNormalization` computes with its moving statistics and leaves
    them as they are. All of it ends with `fit`: `layer.trainable` itself is never set.
    """

    name = "trainable"
    example = "false"
    noun = "layer with trainable weights"

    def check_text(self, text: str) -> None:
        """Accept `true` or `false`."""
        if text not in _CHOICES:
            raise ValueError("must be true or false")

    def places(self, model: keras.Model) -> Sequence[TrainablePlace]:
        """Return the layers with weights of their own that were trainable at compile time."""
        return named(
            TrainablePlace(layer, path)
            for layer, path in layers_of(model)
            if own_weights(layer, layer.trainable_weights)
        )

    def choice(self, place: TrainablePlace, resolved: str) -> Choice:
        """Return yes or no."""
        return _CHOICES[resolved]

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[TrainablePlace]
    ) -> str:
        """Say also what to do for layers that were compiled as not trainable."""
        frozen = [layer.name for layer, _ in layers_of(model) if not layer.trainable]
        if pattern is not None and any(re.fullmatch(pattern, name) for name in frozen):
            return (
                "selects layers whose attribute trainable is False; compile the model with True, "
                "and begin with @0 trainable[…]=false"
            )
        return super().nothing_selected(model, pattern, places)


class TrainablePlace(LayerPlace):
    """The weights of one layer."""

    target = "trainable"
    ends_with_fit = True
    by_container = True

    def __init__(self, layer: keras.Layer, path: str) -> None:
        super().__init__(layer, path, _CHOICES["true"])

    def plan(self, choices: Sequence[Choice], reading: Reading, step: OptimizerStep) -> None:
        """Leave the weights alone where the layer is not trainable."""
        weights = own_weights(self.layer, self.layer.trainable_weights)
        step.gate(weights, _flag(choices, reading))

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Let the layer compute as if it were not trainable.

        A `BatchNormalization` normalises by its moving statistics, and penalties on weights count
        for nothing.
        """
        is_trainable = _flag(choices, reading)
        if isinstance(self.layer, keras.layers.BatchNormalization):
            call = _normalising(self.layer, is_trainable)
            keras_internals.set_quietly(self.layer, "call", call)
        weights = own_weights(self.layer, self.layer.trainable_weights)
        self._penalties = [(w, w.regularizer) for w in weights if w.regularizer is not None]
        for weight, penalty in self._penalties:
            weight.regularizer = keras_internals.scaled(
                penalty, lambda: keras.ops.cast(is_trainable(), "float32")
            )

    def remove(self) -> None:
        """Give the layer its own call and penalties again."""
        keras_internals.remove_quietly(self.layer, "call")
        for weight, penalty in self._penalties:
            weight.regularizer = penalty


def _flag(choices: Sequence[Choice], reading: Reading) -> Callable[[], Any]:
    """Return a bool where one is possible, else a scalar bool tensor."""
    flags = [choice.function for choice in choices]
    if reading.index is None:
        return lambda: flags[0]
    return lambda: keras.ops.take(keras.ops.convert_to_tensor(flags), reading.index())


def _normalising(layer: keras.Layer, is_trainable: Callable[[], Any]) -> Callable[..., Any]:
    own = type(layer).call

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        flag = is_trainable() if training else False
        if isinstance(flag, bool):
            return own(layer, inputs, training=flag, mask=mask)
        states = layer.non_trainable_variables

        def normalised(with_training: bool) -> list[Any]:
            # Neither branch changes a variable: what it would assign is returned. The scope hides
            # that of Keras' trainer on JAX, and so has the weights too.
            before = [(variable, variable + 0) for variable in layer.variables]
            with keras.StatelessScope(state_mapping=before) as scope:
                outputs = own(layer, inputs, training=with_training, mask=mask)
            return [outputs, *(scope.get_current_value(state) for state in states)]

        outputs, *values = keras.ops.cond(flag, lambda: normalised(True), lambda: normalised(False))
        for state, value in zip(states, values, strict=True):
            state.assign(with_shape(value, state.shape))
        return with_shape(outputs, inputs.shape)

    return call
