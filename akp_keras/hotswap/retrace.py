"""The strategy `retrace`: one traced function for each set of functions in force, and all are kept.

The way under XLA, where a switch in every layer compiles for minutes. A return to functions that
were in force before costs no compilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.tracing import Configuration, Functions, Tracer


class Retrace:
    """Train and test functions for each set of functions in force.

    Args:
        model: a compiled model.
        tracer: puts the functions into it.
    """

    exact = False

    def __init__(self, model: keras.Model, tracer: Tracer) -> None:
        self._model = model
        self._tracer = tracer
        self._built: dict[Functions, tuple[Callable[..., Any], Callable[..., Any]]] = {}
        self._counter: keras.Variable | None = None
        self._python_steps = 0
        self._is_python = keras.backend.backend() != "tensorflow"
        if not self._is_python and model.steps_per_execution > 1:
            with keras_internals.scope(model):
                self._counter = keras.Variable(
                    np.zeros((), "int32"),
                    dtype="int32",
                    trainable=False,
                    aggregation="only_first_replica",
                    name="steps",
                )

    def begin(self, model: keras.Model) -> None:
        """Count steps from 0; the functions are set by `put`."""
        self._python_steps = 0
        if self._counter is not None:
            self._counter.assign(0)

    def put(self, functions: Functions, ahead: dict[int, Functions] | None = None) -> None:
        """Set what is in force.

        Args:
            functions: in force now.
            ahead: not supported; see `exact`.
        """
        if functions not in self._built:
            self._built[functions] = self._build(Configuration.of(functions))
        self._model.train_function, self._model.test_function = self._built[functions]

    def steps(self) -> int | None:
        """Return training steps since `begin`; None where the caller can count as well."""
        if self._is_python:
            return self._python_steps
        if self._counter is not None:
            return int(self._counter)
        return None

    def _build(self, configuration: Configuration) -> tuple[Callable, Callable]:
        model, tracer, counter = self._model, self._tracer, self._counter
        train_step, test_step = model.train_step, model.test_step

        def counted_train_step(*arguments: Any) -> Any:
            *state, data = arguments
            key = None
            if self._is_python:
                key, data = data
            with tracer.holding(configuration, _no_slot, is_training=True):
                result = train_step(*state, tracer.inputs.disturb(data, key))
            if counter is not None:
                counter.assign_add(1)
            return result

        def plain_test_step(*arguments: Any) -> Any:
            with tracer.holding(configuration, _no_slot, is_training=False):
                return test_step(*arguments)

        train, test = keras_internals.make_functions(model, counted_train_step, plain_test_step)
        if self._is_python:
            return (lambda state, iterator: train(state, self._counted(iterator))), test
        return train, test

    def _counted(self, iterator: Any) -> Any:
        for data in iterator:
            self._python_steps += 1
            yield self._tracer.inputs.take_key(), data


class Eager:
    """No traced function: the model computes with the functions that it holds.

    Args:
        model: a model compiled with `run_eagerly=True`.
        tracer: knows what the model holds.

    Attributes:
        before_step: called before each training step with the number of steps since `begin`;
            None outside of a `fit` with `HotSwap`.
    """

    exact = False

    def __init__(self, model: keras.Model, tracer: Tracer) -> None:
        self._steps = 0
        self.before_step: Callable[[int], None] | None = None
        train_step = model.train_step

        def counted_train_step(*arguments: Any) -> Any:
            if self.before_step is not None:
                self.before_step(self._steps)
            *state, data = arguments
            result = train_step(*state, tracer.inputs.disturb(data))
            self._steps += 1
            return result

        self.functions = keras_internals.make_functions(model, counted_train_step, model.test_step)

    def begin(self, model: keras.Model) -> None:
        """Make the functions the model's own and count steps from 0."""
        model.train_function, model.test_function = self.functions
        self._steps = 0

    def put(self, functions: Functions, ahead: dict[int, Functions] | None = None) -> None:
        """Do nothing: the layers hold the functions already."""

    def steps(self) -> int:
        """Return training steps since `begin`."""
        return self._steps


def _no_slot(slot: int) -> Any:
    raise AssertionError(f"a configuration without choices was asked for slot {slot}")
