"""Train and test functions that a swap changes by giving them other inputs, or by taking others.

The strategy `switch` has one program that holds all choices, and an index says which is in force:
a swap is an assignment. The strategy `retrace` has one for each set of choices, and keeps them all,
so that a return costs nothing: the way under XLA, where a switch in every layer compiles for
minutes. A model that runs eagerly needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.moving import Position
from akp_keras.hotswap.places import Reading
from akp_keras.hotswap.sharing import SharedFunctions
from akp_keras.hotswap.tracing import Configuration, Held, Tracer

# The first integers of a row are the key of the step's random numbers.
_KEY = slice(0, 2)
_INDICES = 2


@dataclass(frozen=True)
class Row:
    """What is in force at one training step.

    Attributes:
        held: what the places hold.
        position: of the step.
        seed: of its random numbers.
    """

    held: Held
    position: Position
    seed: int

    def integers(self, configuration: Configuration) -> list[int]:
        """Return the key of the step's random numbers (0, 0 if it draws none), and the indices."""
        key = [0, 0]
        if self.held.draws:
            number = np.random.SeedSequence([self.seed]).generate_state(1)[0] >> 1
            key = [int(number), self.position.step]
        return [*key, *configuration.indices(self.held)]

    def numbers(self, configuration: Configuration) -> list[float]:
        """Return the numbers that the step is given; never empty, as no variable can be."""
        return configuration.numbers(self.held, self.position) or [0.0]


class StepCounter:
    """Counts training steps where callbacks cannot: within an execution of several."""

    def __init__(self, model: keras.Model) -> None:
        self.python_steps = 0
        self.variable: keras.Variable | None = None
        self._is_python = keras.backend.backend() != "tensorflow" or model.run_eagerly
        if not self._is_python and model.steps_per_execution > 1:
            self.variable = _variable(model, (), "int32", "steps")

    def reset(self) -> None:
        """Count from 0."""
        self.python_steps = 0
        if self.variable is not None:
            self.variable.assign(0)

    @property
    def steps(self) -> int | None:
        """Training steps since `reset`; None where the caller can count as well."""
        if self._is_python:
            return self.python_steps
        if self.variable is not None:
            return int(self.variable)
        return None


class Program(Protocol):
    """Train and test functions of one configuration."""

    def enter(self) -> None:
        """Make the functions the model's own."""

    def write(self, rows: Sequence[Row]) -> None:
        """Say what is in force.

        Args:
            rows: of the steps of the next execution; the last one stands for those after it.
        """


class VariableProgram:
    """Functions that read what is in force from variables (TensorFlow).

    Tables have a row for each step of an execution, so that a swap falls on its exact step inside
    an execution too. The variables belong to no layer: nothing saves them.

    Args:
        model: a compiled model.
        tracer: puts the choices into it.
        configuration: the choices.
        counter: of the training steps.
    """

    def __init__(
        self, model: keras.Model, tracer: Tracer, configuration: Configuration, counter: StepCounter
    ) -> None:
        self._model, self._configuration, self._counter = model, configuration, counter
        self._written: list[Any] = [None, None]
        rows, integers = model.steps_per_execution, _INDICES + len(configuration.slots)
        self._tables = (
            _variable(model, (rows, integers), "int32", "integers"),
            _variable(model, (rows, max(1, configuration.width)), "float32", "numbers"),
        )
        self._base = _variable(model, (), "int32", "first_step")
        (inputs,) = tracer.of_target("inputs")
        train_step, test_step = model.train_step, model.test_step
        in_training = _readings(configuration, *(partial(self._read, t) for t in self._tables))
        in_test = _readings(configuration, *(partial(_read_first, t) for t in self._tables))

        def held_train_step(data: Any) -> Any:
            with tracer.holding(configuration, in_training, is_training=True):
                result = train_step(inputs.disturb(data))
            if counter.variable is not None:
                counter.variable.assign_add(1)
            return result

        def held_test_step(data: Any) -> Any:
            with tracer.holding(configuration, in_test, is_training=False):
                return test_step(data)

        self._functions = keras_internals.make_functions(model, held_train_step, held_test_step)

    def enter(self) -> None:
        """Make the functions the model's own."""
        self._model.train_function, self._model.test_function = self._functions

    def write(self, rows: Sequence[Row]) -> None:
        """Assign the tables where they change."""
        rows = [*rows, *rows[-1:] * (self._tables[0].shape[0] - len(rows))]
        integers = [row.integers(self._configuration) for row in rows]
        numbers = [row.numbers(self._configuration) for row in rows]
        if self._counter.variable is not None:
            self._base.assign(self._counter.variable)
        for number, values in enumerate((integers, numbers)):
            if values != self._written[number]:
                self._tables[number].assign(np.asarray(values, self._tables[number].dtype))
                self._written[number] = values

    def _read(self, table: keras.Variable, column: int | slice) -> Any:
        if table.shape[0] == 1:
            return _read_first(table, column)
        row = keras.ops.clip(self._counter.variable - self._base, 0, table.shape[0] - 1)
        return keras.ops.take(table[:, column], row, axis=0)


class ArgumentProgram:
    """Functions that take what is in force with each batch (JAX).

    Args:
        model: a compiled model.
        tracer: puts the choices into it.
        configuration: the choices.
        counter: of the training steps.
    """

    def __init__(
        self, model: keras.Model, tracer: Tracer, configuration: Configuration, counter: StepCounter
    ) -> None:
        self._model, self._configuration, self._counter = model, configuration, counter
        self._rows: list[tuple[np.ndarray, np.ndarray]] = []
        self._base = 0
        (inputs,) = tracer.of_target("inputs")
        train_step, test_step = model.train_step, model.test_step

        def reading(row: Any) -> Callable[[int], Reading]:
            return _readings(configuration, *(values.__getitem__ for values in row))

        def held_train_step(state: Any, tagged: Any) -> Any:
            row, data = tagged
            with tracer.holding(configuration, reading(row), is_training=True):
                return train_step(state, inputs.disturb(data))

        def held_test_step(state: Any, tagged: Any) -> Any:
            row, data = tagged
            with tracer.holding(configuration, reading(row), is_training=False):
                return test_step(state, data)

        train, test = keras_internals.make_functions(model, held_train_step, held_test_step)
        self._functions = (
            lambda state, iterator: train(state, self._tag_train(iterator)),
            lambda state, iterator: test(state, ((self._rows[0], data) for data in iterator)),
        )

    def enter(self) -> None:
        """Make the functions the model's own."""
        self._model.train_function, self._model.test_function = self._functions

    def write(self, rows: Sequence[Row]) -> None:
        """Note what to give with the next batches."""
        self._base = self._counter.python_steps
        self._rows = [
            (
                np.asarray(row.integers(self._configuration), "int32"),
                np.asarray(row.numbers(self._configuration), "float32"),
            )
            for row in rows
        ]

    def _tag_train(self, iterator: Any) -> Iterator[Any]:
        for data in iterator:
            row = min(self._counter.python_steps - self._base, len(self._rows) - 1)
            self._counter.python_steps += 1
            yield self._rows[row], data


class EagerProgram:
    """Functions of a model that computes with what it holds.

    Args:
        model: a model that runs eagerly.
        tracer: knows what the model holds.
        counter: of the training steps.
        before_step: called before each training step.
    """

    def __init__(
        self,
        model: keras.Model,
        tracer: Tracer,
        counter: StepCounter,
        before_step: Callable[[], None],
    ) -> None:
        self._model = model
        self._now: Row | None = None
        self._functions = self._make_functions(tracer, counter, before_step)

    def _make_functions(
        self, tracer: Tracer, counter: StepCounter, before_step: Callable[[], None]
    ) -> tuple[Callable[..., Any], Callable[..., Any]]:
        (inputs,) = tracer.of_target("inputs")
        train_step, test_step = self._model.train_step, self._model.test_step

        def held_train_step(*arguments: Any) -> Any:
            before_step()
            *state, data = arguments
            with self._holding(tracer, is_training=True):
                result = train_step(*state, inputs.disturb(data))
            counter.python_steps += 1
            return result

        def held_test_step(*arguments: Any) -> Any:
            with self._holding(tracer, is_training=False):
                return test_step(*arguments)

        return keras_internals.make_functions(self._model, held_train_step, held_test_step)

    def enter(self) -> None:
        """Make the functions the model's own."""
        self._model.train_function, self._model.test_function = self._functions

    def write(self, rows: Sequence[Row]) -> None:
        """Note what the next step is given."""
        self._now = rows[0]

    def _holding(self, tracer: Tracer, is_training: bool) -> Any:
        configuration = Configuration.of_one(tracer.held, tracer.places)
        integers = keras.ops.convert_to_tensor(self._now.integers(configuration), "int32")
        numbers = self._now.numbers(configuration)
        reading = _readings(configuration, integers.__getitem__, numbers.__getitem__)
        return tracer.holding(configuration, reading, is_training)


class TorchProgram(EagerProgram):
    """The same on torch, where nothing is traced; `torch.compile` sees Keras' own step alone."""

    def _make_functions(
        self, tracer: Tracer, counter: StepCounter, before_step: Callable[[], None]
    ) -> tuple[Callable[..., Any], Callable[..., Any]]:
        model = self._model
        (inputs,) = tracer.of_target("inputs")
        train, test = keras_internals.make_functions(model, model.train_step, model.test_step)

        def held_train(data: Any) -> Any:
            before_step()
            with self._holding(tracer, is_training=True):
                result = train([inputs.disturb(data[0])])
            counter.python_steps += 1
            return result

        def held_test(data: Any) -> Any:
            with self._holding(tracer, is_training=False):
                return test(data)

        return held_train, held_test


class Programs:
    """The programs of a model under one strategy.

    Args:
        model: a compiled model.
        tracer: puts choices into it.
        configuration: what `switch` must be able to hold; None for `retrace`.

    Attributes:
        is_eager: whether the model computes with what it holds, so that nothing is traced.
        before_step: called before each step of an eager model; None outside of a `fit`.
    """

    def __init__(
        self, model: keras.Model, tracer: Tracer, configuration: Configuration | None
    ) -> None:
        self._model, self._tracer, self._configuration = model, tracer, configuration
        self.is_eager = not keras_internals.is_traced(model)
        self._counter = StepCounter(model)
        self._programs: dict[Any, Program] = {}
        self._entered: Any = None
        self.before_step: Callable[[], None] | None = None

    def begin(self) -> None:
        """Count steps from 0."""
        self._counter.reset()
        self._entered = None

    @property
    def steps(self) -> int | None:
        """Training steps since `begin`; None where the caller can count as well."""
        return self._counter.steps

    def serves(self, held: Held, other: Held) -> bool:
        """Return whether one program serves both, so that a swap can fall inside an execution."""
        return not self.is_eager and self._key(held) == self._key(other)

    def write(self, rows: Sequence[Row]) -> None:
        """Say what is in force.

        Args:
            rows: of the steps of the next execution, all served by one program; the last one stands
                for those after it. The model holds what the first one holds.
        """
        key = self._key(rows[0].held)
        if key not in self._programs:
            self._programs[key] = self._make(rows[0].held)
        program = self._programs[key]
        if key != self._entered:
            program.enter()
            self._entered = key
        program.write(rows)

    def _key(self, held: Held) -> Any:
        """Return what the programs are told apart by."""
        if self.is_eager:
            return ()
        return tuple(
            # What a place had at first, the model computes by itself, also where that is a number.
            (choice.traced, choice == place.original)
            for place, choice in zip(self._tracer.places, held.choices, strict=True)
            if place.structural or self._configuration is None
        )

    def _make(self, held: Held) -> Program:
        if self.is_eager:
            kind = TorchProgram if keras.backend.backend() == "torch" else EagerProgram
            return kind(self._model, self._tracer, self._counter, self._before_step)
        configuration = self._configuration or Configuration.of_one(held, self._tracer.places)
        is_tensorflow = keras.backend.backend() == "tensorflow"
        kind = VariableProgram if is_tensorflow else ArgumentProgram
        return kind(self._model, self._tracer, configuration, self._counter)

    def _before_step(self) -> None:
        if self.before_step is not None:
            self.before_step()


def _readings(
    configuration: Configuration,
    integer: Callable[[int | slice], Any],
    number: Callable[[int], Any],
) -> Callable[[int], Reading]:
    """Return what a step reads of each place, from the columns of its row."""
    shared = SharedFunctions()

    def reading(place: int) -> Reading:
        slot = configuration.slots.get(place)
        begin, end = configuration.columns.get(place, (0, 0))
        return Reading(
            None if slot is None else partial(integer, _INDICES + slot),
            lambda: [number(column) for column in range(begin, end)],
            partial(integer, _KEY),
            shared,
        )

    return reading


def _read_first(table: keras.Variable, column: int | slice) -> Any:
    return table[0, column]


def _variable(model: keras.Model, shape: tuple[int, ...], dtype: str, name: str) -> keras.Variable:
    with keras_internals.scope(model):
        return keras.Variable(
            np.zeros(shape, dtype),
            dtype=dtype,
            trainable=False,
            aggregation="only_first_replica",
            name=name,
        )
