"""What is in the model while Keras traces a train or test function.

Between steps a model holds plain choices, always. Only while Keras traces a train or test
function, its places hold what is to be traced. So nothing that is saved, exported or called by
hand ever meets a switch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.moving import START, Moving, Position, number_at
from akp_keras.hotswap.optimizer_step import OptimizerStep
from akp_keras.hotswap.places import Choice, Place, Reading


@dataclass(frozen=True)
class Span:
    """Where in the training a choice is in force.

    Attributes:
        start: where it came into force.
        end: where its numbers stopped moving, as the training ended; None if they have not.
    """

    start: Position = START
    end: Position | None = None


@dataclass(frozen=True)
class Held:
    """What every place of a model holds at one time.

    Attributes:
        choices: one for each place.
        spans: from the number of a place, where its choice is in force.
    """

    choices: tuple[Choice, ...]
    spans: Mapping[int, Span] = field(default_factory=dict, compare=False)

    def after(self, choices: Mapping[int, Choice], now: Position) -> Held:
        """Return what is held once some places have come to hold others.

        Args:
            choices: from the number of a place, its new choice.
            now: where in the training that happens.
        """
        changed = [choices.get(place, choice) for place, choice in enumerate(self.choices)]
        return Held(tuple(changed), {**self.spans, **dict.fromkeys(choices, Span(now))})

    def ended(self, now: Position) -> Held:
        """Return the same with numbers that move no more."""
        spans = {place: self.spans.get(place, Span()) for place in self.moving}
        ended = {place: Span(span.start, now) for place, span in spans.items()}
        return Held(self.choices, {**self.spans, **ended})

    def numbers(self, place: int, now: Position) -> tuple[float, ...]:
        """Return the numbers of a place's choice at a position."""
        span = self.spans.get(place, Span())
        now = span.end or now
        return tuple(number_at(number, now, span.start) for number in self.choices[place].numbers)

    @cached_property
    def draws(self) -> bool:
        """Whether each step draws random numbers by its key."""
        return any(choice.draws for choice in self.choices)

    @cached_property
    def changes_each_step(self) -> bool:
        """Whether steps are given other numbers without a swap."""
        numbers = [number for place in self.moving for number in self.choices[place].numbers]
        return self.draws or any(isinstance(n, Moving) and n.moves_each_step for n in numbers)

    @cached_property
    def moving(self) -> tuple[int, ...]:
        """The places whose numbers move."""
        return tuple(
            place
            for place, choice in enumerate(self.choices)
            if self.spans.get(place, Span()).end is None
            and any(isinstance(number, Moving) for number in choice.numbers)
        )


@dataclass(frozen=True)
class Configuration:
    """What a train function can compute without being traced again.

    Attributes:
        forms: for each place the forms of what it can hold; none for a place that is left as it is.
        choices: for each form a choice of it.
    """

    forms: tuple[tuple[tuple[str, int], ...], ...]
    choices: tuple[tuple[Choice, ...], ...] = field(compare=False)

    @classmethod
    def of(cls, possible: Sequence[Sequence[Choice]]) -> Configuration:
        """Return the configuration for all choices that may come to be held."""
        by_form = [
            {choice.traced: choice for choice in sorted(choices, key=lambda choice: choice.text)}
            for choices in possible
        ]
        return cls(
            tuple(tuple(choices) for choices in by_form),
            tuple(tuple(choices.values()) for choices in by_form),
        )

    @classmethod
    def of_one(cls, held: Held, places: Sequence[Place]) -> Configuration:
        """Return the configuration for what is held, less what the model computes by itself."""
        pairs = zip(held.choices, places, strict=True)
        return cls.of(
            [
                [] if choice.is_plain or choice == place.original else [choice]
                for choice, place in pairs
            ]
        )

    @cached_property
    def slots(self) -> Mapping[int, int]:
        """From each place that can hold several forms, the number of its index."""
        several = (place for place, forms in enumerate(self.forms) if len(forms) > 1)
        return {place: slot for slot, place in enumerate(several)}

    @cached_property
    def columns(self) -> Mapping[int, tuple[int, int]]:
        """From each place whose choices have numbers, where these begin and end."""
        columns, begin = {}, 0
        for place, choices in enumerate(self.choices):
            count = max((len(choice.numbers) for choice in choices), default=0)
            if count:
                columns[place] = (begin, begin + count)
                begin += count
        return columns

    @property
    def width(self) -> int:
        """How many numbers a step is given."""
        return max((end for _, end in self.columns.values()), default=0)

    def indices(self, held: Held) -> list[int]:
        """Return, for each slot, which form is in force."""
        return [self.forms[place].index(held.choices[place].traced) for place in self.slots]

    def numbers(self, held: Held, now: Position) -> list[float]:
        """Return what a step at a position is given."""
        numbers = [0.0] * self.width
        for place, (begin, _) in self.columns.items():
            for offset, number in enumerate(held.numbers(place, now)):
                numbers[begin + offset] = number
        return numbers


class Tracer:
    """Puts a configuration into a model while a function is traced.

    Replicas of a distribution strategy trace the same step in several threads that take turns, so
    the first to enter puts it in, and the last to leave takes it out.

    Args:
        model: a compiled model.
        places: of the model.

    Attributes:
        held: what the places hold now.
        train_traces: how often a train function has been traced.
    """

    def __init__(self, model: keras.Model, places: Sequence[Place]) -> None:
        self._model = model
        self.places = tuple(places)
        self.held = Held(tuple(place.held for place in self.places))
        self.train_traces = 0
        self._installed: list[Place | OptimizerStep] = []
        self._numbers: dict[int, tuple[float, ...]] = {}
        self._depth = 0
        self._lock = threading.Lock()

    def of_target(self, target: str) -> list[Place]:
        """Return the places of one target."""
        return [place for place in self.places if place.target == target]

    def refresh(self) -> None:
        """Take note of what was changed by hand."""
        now = tuple(place.held for place in self.places)
        if now != self.held.choices:
            self.held = Held(now)

    def put(self, held: Held, now: Position) -> None:
        """Make the model hold plain choices, where it does not yet."""
        for number, place in enumerate(self.places):
            choice = held.choices[number]
            if choice != self.held.choices[number]:
                place.put(choice, held.numbers(number, now))
                self._numbers.pop(number, None)
        self.held = held

    def move(self, now: Position) -> bool:
        """Make the model hold the numbers of a position; whether any has moved."""
        has_moved = False
        for place in self.held.moving:
            numbers = self.held.numbers(place, now)
            if self._numbers.get(place) != numbers:
                self._numbers[place] = numbers
                self.places[place].put(self.held.choices[place], numbers)
                has_moved = True
        return has_moved

    @contextmanager
    def holding(
        self,
        configuration: Configuration,
        reading: Callable[[int], Reading],
        is_training: bool,
    ) -> Iterator[None]:
        """Make the model hold a configuration.

        Args:
            configuration: what to hold.
            reading: from the number of a place, what the step reads of it.
            is_training: whether a train function is traced.
        """
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self.train_traces += is_training and keras_internals.is_traced(self._model)
                self._install(configuration, reading)
                if is_training and self._model.optimizer is not None:
                    self._plan(configuration, reading)
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    while self._installed:
                        self._installed.pop().remove()

    def _install(self, configuration: Configuration, reading: Callable[[int], Reading]) -> None:
        for number, place in enumerate(self.places):
            choices = configuration.choices[number]
            # What was set by hand since is what Keras traces.
            if choices and place.held == self.held.choices[number]:
                place.install(choices, reading(number))
                self._installed.append(place)

    def _plan(self, configuration: Configuration, reading: Callable[[int], Reading]) -> None:
        step = OptimizerStep(self._model.optimizer)
        for number, place in enumerate(self.places):
            choices, held = configuration.choices[number], self.held.choices[number]
            if choices or held != place.original:
                place.plan(choices or (held,), reading(number), step)
        step.install()
        self._installed.append(step)
