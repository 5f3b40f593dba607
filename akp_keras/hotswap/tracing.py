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

from akp_keras.hotswap.moving import Moving, Position, number_at
from akp_keras.hotswap.places import Choice, Place, Reading

START = Position(0, 0)


@dataclass(frozen=True)
class Held:
    """What every place of a model holds at one time.

    Attributes:
        choices: one for each place.
        since: from the number of a place, where in the training its choice came into force.
    """

    choices: tuple[Choice, ...]
    since: Mapping[int, Position] = field(default_factory=dict, compare=False)

    def after(self, choices: Mapping[int, Choice], now: Position) -> Held:
        """What is held once some places have come to hold others.

        Args:
            choices: from the number of a place, its new choice.
            now: where in the training that happens.
        """
        changed = [choices.get(place, choice) for place, choice in enumerate(self.choices)]
        return Held(tuple(changed), {**self.since, **dict.fromkeys(choices, now)})

    def numbers(self, place: int, now: Position) -> tuple[float, ...]:
        """The numbers of a place's choice at a position."""
        start = self.since.get(place, START)
        return tuple(number_at(number, now, start) for number in self.choices[place].numbers)

    @cached_property
    def draws(self) -> bool:
        """Whether each step draws random numbers by its key."""
        return any(choice.draws for choice in self.choices)

    @cached_property
    def moving(self) -> tuple[int, ...]:
        """The places whose numbers move."""
        return tuple(
            place
            for place, choice in enumerate(self.choices)
            if any(isinstance(number, Moving) for number in choice.numbers)
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
        """The configuration for all choices that may come to be held."""
        by_form = [
            {choice.traced: choice for choice in sorted(choices, key=lambda choice: choice.text)}
            for choices in possible
        ]
        return cls(
            tuple(tuple(choices) for choices in by_form),
            tuple(tuple(choices.values()) for choices in by_form),
        )

    @classmethod
    def of_one(cls, held: Held) -> Configuration:
        """The configuration for what a model holds by itself, apart from numbers."""
        return cls.of([[choice] if choice.numbers else [] for choice in held.choices])

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
        """For each slot, which form is in force."""
        return [self.forms[place].index(held.choices[place].traced) for place in self.slots]

    def numbers(self, held: Held, now: Position) -> list[float]:
        """What a step at a position is given."""
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
        places: of the model.

    Attributes:
        held: what the places hold now.
        train_traces: how often a train function has been traced.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = tuple(places)
        self.held = Held(tuple(place.held for place in self.places))
        self.train_traces = 0
        self._installed: list[Place] = []
        self._depth = 0
        self._lock = threading.Lock()

    def of_target(self, target: str) -> list[Place]:
        """The places of one target."""
        return [place for place in self.places if place.target == target]

    def refresh(self) -> None:
        """Takes note of what was changed by hand."""
        now = tuple(place.held for place in self.places)
        if now != self.held.choices:
            self.held = Held(now)

    def put(self, held: Held, now: Position) -> None:
        """Makes the model hold plain choices, where it does not yet."""
        for number, place in enumerate(self.places):
            choice = held.choices[number]
            if choice != self.held.choices[number]:
                place.put(choice, held.numbers(number, now))
        self.held = held

    def move(self, now: Position) -> None:
        """Makes the model hold the numbers of a position."""
        for number in self.held.moving:
            self.places[number].put(self.held.choices[number], self.held.numbers(number, now))

    @contextmanager
    def holding(
        self,
        configuration: Configuration,
        reading: Callable[[int], Reading],
        is_training: bool,
    ) -> Iterator[None]:
        """Makes the model hold a configuration.

        Args:
            configuration: what to hold.
            reading: from the number of a place, what the step reads of it.
            is_training: whether a train function is traced.
        """
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self.train_traces += is_training
                self._install(configuration, reading)
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
