"""What is kept with a model from one `fit` to the next: its places, and the traced functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.moving import Position
from akp_keras.hotswap.places import Choice, Place
from akp_keras.hotswap.programs import Programs
from akp_keras.hotswap.targets import TARGETS, PlaceTarget
from akp_keras.hotswap.targets.loss import declare, route
from akp_keras.hotswap.tracing import Configuration, Held, Tracer

STRATEGIES = ("auto", "switch", "retrace")


class ModelState:
    """The places of a compiled model and what was traced for it.

    It lives as long as the model, so that later calls of `fit` find the traced functions again.

    Attributes:
        tracer: has the places and what they hold.
    """

    def __init__(self, model: keras.Model, before: ModelState | None) -> None:
        self._model = model
        self._compilation = keras_internals.compilation(model)
        self.tracer = Tracer(model, _places(model, before))
        self._programs: dict[Any, Programs] = {}
        self._predict: dict[Any, Callable[..., Any] | None] = {}

    @classmethod
    def of(cls, model: keras.Model) -> ModelState:
        """Return the state of a model; a new one after each `compile`."""
        state = cls.preview(model)
        if keras_internals.get_state(model) is not state:
            route(model, state.tracer.of_target("loss"))
            keras_internals.set_state(model, state)
        return state

    @classmethod
    def preview(cls, model: keras.Model) -> ModelState:
        """Return the state that the next `fit` will find or make; the model is left as it is."""
        state = keras_internals.get_state(model)
        if state is None or not state.is_current:
            return cls(model, state)
        state.tracer.refresh()
        return state

    @property
    def is_current(self) -> bool:
        """Whether the model has not been compiled anew since."""
        return self._compilation is keras_internals.compilation(self._model)

    def programs(self, strategy: str, configuration: Configuration) -> Programs:
        """Return the train and test functions of a strategy, with what has been traced so far.

        Args:
            strategy: `switch`, `retrace` or `auto`: `retrace` where XLA compiles on TensorFlow,
                `switch` elsewhere.
            configuration: what a switch must be able to hold.
        """
        model = self._model
        if strategy == "auto":
            is_xla = keras.backend.backend() == "tensorflow" and model.jit_compile
            strategy = "retrace" if is_xla else "switch"
        held = configuration if strategy == "switch" else None
        key = (held, model.steps_per_execution, model.jit_compile, model.run_eagerly)
        if key not in self._programs:
            self._programs[key] = Programs(model, self.tracer, held)
        return self._programs[key]

    def put(self, held: Held, now: Position) -> None:
        """Make the model hold plain choices, and predict and be saved with them."""
        before = self.tracer.held
        self.tracer.put(held, now)
        old, new = self._in_prediction(before), self._in_prediction(held)
        if old != new:
            # What was traced with numbers that move is of no use later.
            if not before.moving:
                self._predict[old] = self._model.predict_function
            self._model.predict_function = None if held.moving else self._predict.get(new)
        if self._losses(held) != self._losses(before):
            declare(self._model, self.tracer.of_target("loss"))

    def move(self, now: Position) -> None:
        """Make the model hold the numbers of a position, and predict with them."""
        if self.tracer.move(now):
            self._model.predict_function = None

    def try_losses(self, configuration: Configuration) -> None:
        """Let the first step try all losses that may be in force.

        So one that cannot be computed is noticed at once, and not when its turn comes.
        """
        for number, place in enumerate(self.tracer.places):
            if place.target == "loss":
                place.untried = configuration.choices[number]

    def end_fit(self, now: Position) -> None:
        """End what lasts no longer than a training."""
        originals = {
            number: place.original
            for number, place in enumerate(self.tracer.places)
            if place.ends_with_fit
        }
        self.put(self.tracer.held.after(originals, now).ended(now), now)

    def _in_prediction(self, held: Held) -> tuple[Choice, ...]:
        pairs = zip(self.tracer.places, held.choices, strict=True)
        return tuple(choice for place, choice in pairs if place.is_in_prediction)

    def _losses(self, held: Held) -> tuple[Choice, ...]:
        pairs = zip(self.tracer.places, held.choices, strict=True)
        return tuple(choice for place, choice in pairs if place.target == "loss")


def _places(model: keras.Model, before: ModelState | None) -> list[Place]:
    """Return the places of all targets; those known from before keep what was original to them."""
    known = {} if before is None else {place.key: place for place in before.tracer.places}
    return [
        known[place.key] if place.key is not None and place.key in known else place
        for target in TARGETS.values()
        if isinstance(target, PlaceTarget)
        for place in target.places(model)
    ]
