"""What is kept with a model from one `fit` to the next: its places, and the traced functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from akp_keras.hotswap import keras_internals, losses
from akp_keras.hotswap.activations import Choice, find_sites
from akp_keras.hotswap.retrace import Eager, Retrace
from akp_keras.hotswap.stress import TRACED
from akp_keras.hotswap.switch import ArgumentSwitch, VariableSwitch
from akp_keras.hotswap.tracing import Configuration, Functions, Tracer

STRATEGIES = ("auto", "switch", "retrace")

Strategy = VariableSwitch | ArgumentSwitch | Retrace | Eager


class ModelState:
    """The places of a compiled model and what was traced for it.

    It lives as long as the model, so that later calls of `fit` find the traced functions again.

    Attributes:
        tracer: holds the places and the functions in force.
    """

    def __init__(self, model: keras.Model, before: ModelState | None) -> None:
        known = before.tracer.sites if before is not None else ()
        self._compilation = keras_internals.compilation(model)
        self.tracer = Tracer(
            find_sites(model, known, [kind.make_site for kind in TRACED.values()]),
            losses.find_losses(model),
        )
        self._strategies: dict[Any, Strategy] = {}
        self._predict: dict[tuple[Choice, ...], Callable[..., Any] | None] = {}

    @classmethod
    def of(cls, model: keras.Model) -> ModelState:
        """Return the state of a model; a new one after each `compile`."""
        state = cls.preview(model)
        if keras_internals.get_state(model) is not state:
            losses.route_losses(model, list(state.tracer.losses))
            keras_internals.set_state(model, state)
        return state

    @classmethod
    def preview(cls, model: keras.Model) -> ModelState:
        """Return the state that the next `fit` will find or make; the model is left as it is."""
        state = keras_internals.get_state(model)
        if state is None or not state.is_of(model):
            return cls(model, state)
        state.tracer.refresh()
        return state

    def is_of(self, model: keras.Model) -> bool:
        """Return whether this is the state of a model that has not been compiled anew."""
        is_kept = keras_internals.get_state(model) is self
        return is_kept and self._compilation is keras_internals.compilation(model)

    def strategy(self, model: keras.Model, name: str, configuration: Configuration) -> Strategy:
        """Return the strategy of a name, with what it has traced so far.

        Args:
            model: the model.
            name: `switch`, `retrace` or `auto`.
            configuration: what a switch must be able to hold.
        """
        name = choose(model, name)
        key: Any = (name, model.steps_per_execution, model.jit_compile)
        if name == "switch":
            key = (*key, configuration)
        if key not in self._strategies:
            if name == "eager":
                self._strategies[key] = Eager(model, self.tracer)
            elif name == "retrace":
                self._strategies[key] = Retrace(model, self.tracer)
            elif keras.backend.backend() == "tensorflow":
                self._strategies[key] = VariableSwitch(model, self.tracer, configuration)
            else:
                self._strategies[key] = ArgumentSwitch(model, self.tracer, configuration)
        return self._strategies[key]

    def put(self, model: keras.Model, functions: Functions) -> None:
        """Make the model hold plain functions, and predict with them."""
        if functions != self.tracer.held:
            if self._used_in_prediction(functions) != self._used_in_prediction(self.tracer.held):
                before = self._used_in_prediction(self.tracer.held)
                self._predict[before] = model.predict_function
                model.predict_function = self._predict.get(self._used_in_prediction(functions))
            losses_changed = functions.losses != self.tracer.held.losses
            self.tracer.put(functions)
            if losses_changed:
                losses.declare(model, self.tracer.losses)

    def _used_in_prediction(self, functions: Functions) -> tuple[Choice, ...]:
        pairs = zip(self.tracer.sites, functions.activations, strict=True)
        return tuple(choice for site, choice in pairs if site.target == "activation")


def choose(model: keras.Model, name: str) -> str:
    """Return which strategy `auto` means for a model.

    Returns:
        `eager` for a model that runs eagerly; else the name, or for `auto`: `retrace` where XLA
        compiles on TensorFlow, `switch` elsewhere.
    """
    if model.run_eagerly:
        return "eager"
    if name != "auto":
        return name
    if keras.backend.backend() == "tensorflow" and model.jit_compile:
        return "retrace"
    return "switch"


def restore(model: keras.Model) -> None:
    """Give a model the functions that it had before its first `HotSwap`.

    Weights stay as they are. A model that no `HotSwap` has touched is left alone.
    """
    if keras_internals.get_state(model) is not None:
        state = ModelState.of(model)
        original = Functions(
            tuple(site.original for site in state.tracer.sites),
            tuple(site.original for site in state.tracer.losses),
        )
        state.put(model, original)
        model.train_function = model.test_function = None
