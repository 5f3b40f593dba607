"""The strategy `switch`: all choices are in one traced function, and an index says which is used.

On TensorFlow the index is a variable, on JAX an argument that travels with the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.tracing import Configuration, Functions, Tracer


class _Switch:
    """Train and test functions that hold all choices of a configuration.

    Args:
        model: a compiled model.
        tracer: puts the choices into it.
        configuration: the choices.
    """

    exact = True
    functions: tuple[Callable[..., Any], Callable[..., Any]]

    def __init__(self, model: keras.Model, tracer: Tracer, configuration: Configuration) -> None:
        self._configuration = configuration

    def begin(self, model: keras.Model) -> None:
        """Make the functions the model's own and count steps from 0."""
        model.train_function, model.test_function = self.functions

    def _indices(self, functions: Functions) -> np.ndarray:
        # A variable or an argument cannot be empty.
        return np.asarray(self._configuration.indices(functions) or [0], "int32")


class VariableSwitch(_Switch):
    """Train and test functions that read the index from variables (TensorFlow).

    A table has one row of indices for each step of an execution, so that a swap falls on its
    exact step inside an execution too. The variables belong to no layer: nothing saves them.
    """

    def __init__(self, model: keras.Model, tracer: Tracer, configuration: Configuration) -> None:
        super().__init__(model, tracer, configuration)
        self._rows = model.steps_per_execution
        self._written: tuple | None = None
        slots = max(1, configuration.slots)
        with keras_internals.scope(model):
            self._table = _variable((self._rows, slots), "train_choices")
            self._test = _variable((slots,), "test_choices")
            self._base = _variable((), "first_step")
            self._counter = _variable((), "steps")

        train_step, test_step = model.train_step, model.test_step

        def counted_train_step(data: Any) -> Any:
            with tracer.holding(configuration, self._train_index, is_training=True):
                result = train_step(tracer.inputs.disturb(data))
            if self._rows > 1:
                self._counter.assign_add(1)
            return result

        def switched_test_step(data: Any) -> Any:
            with tracer.holding(configuration, self._test_index, is_training=False):
                return test_step(data)

        self.functions = keras_internals.make_functions(
            model, counted_train_step, switched_test_step
        )

    def begin(self, model: keras.Model) -> None:
        """Make the functions the model's own and count steps from 0."""
        super().begin(model)
        self._counter.assign(0)
        self._written = None

    def put(self, functions: Functions, ahead: dict[int, Functions] | None = None) -> None:
        """Set what is in force, and what will be within the next execution.

        Args:
            functions: in force now.
            ahead: from a number of steps in the next execution, at least 1, what is in force
                from there on.
        """
        rows = []
        now = functions
        for step in range(self._rows):
            now = (ahead or {}).get(step, now)
            rows.append(self._indices(now).tolist())
        test = self._indices(functions).tolist()
        if ahead and self._rows > 1:
            self._base.assign(self._counter)
        if (rows, test) != self._written:
            self._table.assign(np.asarray(rows, "int32"))
            self._test.assign(np.asarray(test, "int32"))
            self._written = (rows, test)

    def steps(self) -> int | None:
        """Return training steps since `begin`; None where the caller can count as well."""
        return int(self._counter) if self._rows > 1 else None

    def _train_index(self, slot: int) -> Any:
        if self._rows == 1:
            return self._table[0, slot]
        row = keras.ops.clip(self._counter - self._base, 0, self._rows - 1)
        return keras.ops.take(self._table[:, slot], row)

    def _test_index(self, slot: int) -> Any:
        return self._test[slot]


class ArgumentSwitch(_Switch):
    """Train and test functions that take the index with each batch (JAX)."""

    def __init__(self, model: keras.Model, tracer: Tracer, configuration: Configuration) -> None:
        super().__init__(model, tracer, configuration)
        self._rows: list[np.ndarray] = []
        self._test = np.zeros(1, "int32")
        self._steps = 0
        self._base = 0
        self._inputs = tracer.inputs
        train_step, test_step = model.train_step, model.test_step

        def switched_train_step(state: Any, tagged: Any) -> Any:
            (choices, key), data = tagged
            with tracer.holding(configuration, lambda slot: choices[slot], is_training=True):
                return train_step(state, tracer.inputs.disturb(data, key))

        def switched_test_step(state: Any, tagged: Any) -> Any:
            choices, data = tagged
            with tracer.holding(configuration, lambda slot: choices[slot], is_training=False):
                return test_step(state, data)

        train, test = keras_internals.make_functions(model, switched_train_step, switched_test_step)
        self.functions = (
            lambda state, iterator: train(state, self._tag_train(iterator)),
            lambda state, iterator: test(state, self._tag_test(iterator)),
        )

    def begin(self, model: keras.Model) -> None:
        """Make the functions the model's own and count steps from 0."""
        super().begin(model)
        self._steps = self._base = 0

    def put(self, functions: Functions, ahead: dict[int, Functions] | None = None) -> None:
        """Set what is in force, and what will be within the next execution."""
        ahead = ahead or {}
        self._base = self._steps
        now = functions
        self._rows = []
        for step in range(max(ahead, default=0) + 1):
            now = ahead.get(step, now)
            self._rows.append(self._indices(now))
        self._test = self._indices(functions)

    def steps(self) -> int:
        """Return training steps since `begin`."""
        return self._steps

    def _tag_train(self, iterator: Any) -> Iterator[Any]:
        for data in iterator:
            row = self._rows[min(self._steps - self._base, len(self._rows) - 1)]
            self._steps += 1
            yield (row, self._inputs.take_key()), data

    def _tag_test(self, iterator: Any) -> Iterator[Any]:
        for data in iterator:
            yield self._test, data


def _variable(shape: tuple[int, ...], name: str) -> keras.Variable:
    return keras.Variable(
        np.zeros(shape, "int32"),
        dtype="int32",
        trainable=False,
        aggregation="only_first_replica",
        name=name,
    )
