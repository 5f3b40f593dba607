"""`optimizer=SGD(learning_rate=0.01)`: another optimizer; a return finds the old one's state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.calls import parse_call
from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import Choice, Place, Reading
from akp_keras.hotswap.targets.target import PlaceTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")
names = lazily("akp_keras.hotswap.names")


class Optimizer(PlaceTarget):
    """The optimizer of a compiled model.

    Each has slots and a count of iterations of its own, which stay while another one is in force.
    A train function is traced for each, with either strategy; inside an execution of several steps
    the swap waits for the next one.
    """

    name = "optimizer"
    example = "SGD(learning_rate=0.01)"
    takes_pattern = False
    takes_objects = True

    def check_text(self, text: str) -> None:
        """Accept a name, or one with arguments in parentheses."""
        parse_call(text)

    def check_value(self, value: Any) -> None:
        """Accept text, or an optimizer of Keras."""
        if isinstance(value, str):
            super().check_value(value)
        elif not hasattr(value, "apply_gradients"):
            raise ValueError(f"must be text such as {self.example!r}, or an optimizer of Keras")

    def check_names(self, value: Any) -> None:
        """Refuse an optimizer that Keras does not know, or arguments that it does not take."""
        if isinstance(value, str):
            names.find_optimizer(value)

    def text_of(self, value: Any) -> str:
        """Return the class of an optimizer."""
        return type(value).__name__

    def places(self, model: keras.Model) -> Sequence[OptimizerPlace]:
        """Return one place, the optimizer of the model."""
        return [] if model.optimizer is None else [OptimizerPlace(model)]

    def choice(self, place: OptimizerPlace, resolved: Any) -> Choice:
        """Return the optimizer, the same one each time it is named."""
        return place.choice(resolved)

    def nothing_selected(
        self, model: keras.Model, pattern: str | None, places: Sequence[Place]
    ) -> str:
        """Say that there is none."""
        return f"needs an optimizer; model {model.name!r} is compiled without one"


class OptimizerPlace(Place):
    """The optimizer of a model."""

    target = "optimizer"
    structural = True

    def __init__(self, model: keras.Model) -> None:
        super().__init__("", Choice(type(model.optimizer).__name__, model.optimizer))
        self._model = model
        self._known: dict[Any, Choice] = {}
        self._at_first: list[tuple[keras.Variable, Any]] = []

    @property
    def key(self) -> None:
        """A model that is compiled anew has a new optimizer."""
        return None

    def choice(self, value: Any) -> Choice:
        """Return the choice of an optimizer by its text, or of an object."""
        key = value if isinstance(value, str) else id(value)
        if key not in self._known:
            optimizer = names.find_optimizer(value) if isinstance(value, str) else value
            if hasattr(self.original.function, "inner_optimizer"):
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            text = value if isinstance(value, str) else type(value).__name__
            # Never equal to the compiled one, which has a state of its own.
            self._known[key] = Choice(text, optimizer, id(optimizer))
        return self._known[key]

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Make it the model's optimizer."""
        super().put(choice, numbers)
        optimizer = choice.function
        is_new = not optimizer.built
        keras_internals.set_optimizer(self._model, optimizer)
        if is_new:
            self._at_first += [
                (variable, keras.ops.convert_to_numpy(variable)) for variable in optimizer.variables
            ]

    def forget(self) -> None:
        """Let the optimizers that were made for swaps begin anew."""
        for variable, value in self._at_first:
            variable.assign(value)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Do nothing: each optimizer has train functions of its own."""

    def remove(self) -> None:
        """Do nothing."""
