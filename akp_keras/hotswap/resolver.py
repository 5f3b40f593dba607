"""What the changes of a schedule mean for one model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import keras

from akp_keras.hints import hint
from akp_keras.hotswap.moving import START, Position
from akp_keras.hotswap.places import Choice, Place
from akp_keras.hotswap.schedule import Change, Schedule, Swap
from akp_keras.hotswap.targets import PlaceTarget, find_target
from akp_keras.hotswap.tracing import Configuration, Held
from akp_keras.hotswap.when import Epoch, Step


class Resolver:
    """Says which places a change selects, and what they come to hold.

    Args:
        model: a built and compiled model.
        places: its places.
        schedule: what will happen.
        candidates: further changes that may be made on the same traced functions.
        layers: filters of which one must match the layers of targets that obey them; None for no
            such restriction. What one of them names exactly is selected even if it is not by
            default.
    """

    def __init__(
        self,
        model: keras.Model,
        places: Sequence[Place],
        schedule: Schedule,
        candidates: Iterable[Change] = (),
        layers: tuple[str, ...] | None = None,
    ) -> None:
        self._model = model
        self._places = places
        self._schedule = schedule
        self._candidates = tuple(candidates)
        self._layers = layers
        self._resolved: dict[Any, Any] = {}
        self._choices: dict[Any, Choice] = {}

    def after(self, held: Held, change: Change, now: Position) -> tuple[list[int], Held]:
        """Return the numbers of the places that a change selects, and what is held after it."""
        selected = [
            number
            for number, place in enumerate(self._places)
            if self._selects(change, place, [held.choices[number].text])
        ]
        choices = {number: self._choice(change, number) for number in selected}
        return selected, held.after(choices, now)

    def configuration(self, held: Held) -> Configuration:
        """Return all that the schedule and the candidates may put into the model, in any order."""
        scheduled = [change for swap in self._schedule.swaps for change in swap.changes]
        changes = {_identity(change): change for change in [*scheduled, *self._candidates]}
        distinct = list(changes.values())
        return Configuration.of(
            [self._possible(number, now, distinct) for number, now in enumerate(held.choices)]
        )

    def check(self, held: Held, epochs: int | None, steps: int | None) -> None:
        """Refuse what does not fit the model or the length of the training.

        Args:
            held: what the model holds at the start.
            epochs: their number; None if unknown.
            steps: in an epoch; None if unknown.

        Raises:
            ValueError: in one line.
        """
        _check_length(self._schedule, epochs, steps)
        self._check_layers()
        scheduled = [change for swap in self._schedule.swaps for change in swap.changes]
        for change in {_identity(change): change for change in scheduled}.values():
            try:
                find_target(change.target).check(self._model, change.value, change.pattern)
            except ValueError as error:
                raise ValueError(f"{change}: {error}") from None
        for swap in self._schedule.swaps:
            for change in swap.changes:
                held = self._check_selection(swap, change, held)

    def _check_selection(self, swap: Swap, change: Change, held: Held) -> Held:
        target = find_target(change.target)
        if not isinstance(target, PlaceTarget):
            return held
        selected, held = self.after(held, change, START)
        if not selected:
            places = [place for place in self._places if place.target == change.target]
            reason = target.nothing_selected(self._model, change.pattern, places)
            raise ValueError(f"swap {swap.when}: {change} {reason}")
        return held

    def _check_layers(self) -> None:
        places = [place for place in self._places if find_target(place.target).obeys_layers]
        for layer in self._layers or ():
            if not any(place.matches(layer, ()) for place in places):
                near = hint(layer, sorted(place.name for place in places))
                raise ValueError(f"layers has {layer!r}, which matches no layer; {near}")

    def _possible(self, number: int, now: Choice, changes: Sequence[Change]) -> Sequence[Choice]:
        """Return all that a place may come to hold; nothing where it stays as it is."""
        place = self._places[number]
        mine = [change for change in changes if change.target == place.target]
        possible = {place.original: None, now: None}
        while True:
            texts = [choice.text for choice in possible]
            reached = {
                self._choice(change, number): None
                for change in mine
                if self._selects(change, place, texts)
            }
            if reached.keys() <= possible.keys():
                return list(possible) if len(possible) > 1 else []
            possible.update(reached)

    def _selects(self, change: Change, place: Place, texts: Sequence[str]) -> bool:
        """Return whether a change is for a place that holds one of some choices."""
        if change.target != place.target:
            return False
        layers = self._layers if find_target(change.target).obeys_layers else None
        if layers is not None and not any(place.matches(layer, ()) for layer in layers):
            return False
        if change.pattern is None:
            return place.by_default or layers is not None
        if place.matches(change.pattern, texts):
            return True
        return layers is not None and re.fullmatch(change.pattern, place.name) is not None

    def _choice(self, change: Change, number: int) -> Choice:
        place = self._places[number]
        if change.value == "original":
            return place.original
        identity = _identity(change)
        key = (identity, number)
        if key not in self._choices:
            target = find_target(change.target)
            try:
                if identity not in self._resolved:
                    self._resolved[identity] = target.resolve(change.value)
                self._choices[key] = target.choice(place, self._resolved[identity])
            except ValueError as error:
                raise ValueError(f"{change}: {error}") from None
        return self._choices[key]


def layer_filters(layers: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the argument `layers` of `HotSwap`, checked.

    Raises:
        ValueError: if it has anything but names and regular expressions.
    """
    if layers is None:
        return None
    if not isinstance(layers, Iterable):
        raise ValueError(f"layers must be names or name patterns, not {layers!r}")
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"layers must be names or name patterns, not {name!r}")
        try:
            re.compile(name)
        except re.error as error:
            raise ValueError(f"layers has {name!r}, no regular expression: {error}") from None
    return names


def candidate_changes(candidates: Iterable[Any]) -> list[Change]:
    """Return the changes of further schedules, or to activations or losses that are named.

    Raises:
        ValueError: if a candidate is none of these.
    """
    changes = []
    for candidate in candidates:
        if isinstance(candidate, str) and "=" not in candidate and candidate.strip():
            changes.append(_named(candidate))
        else:
            schedule = Schedule.of(candidate)
            schedule.check_names()
            changes.extend(change for swap in schedule.swaps for change in swap.changes)
    return changes


def _identity(change: Change) -> tuple[Any, ...]:
    value = change.value if isinstance(change.value, str) else id(change.value)
    return change.target, change.pattern, value


def _named(candidate: str) -> Change:
    for target in ("activation", "loss"):
        try:
            change = Change(target, candidate)
            find_target(target).check_names(candidate)
        except ValueError:
            continue
        return change
    raise ValueError(f"candidate {candidate!r} is not a schedule, an activation or a loss")


def _check_length(schedule: Schedule, epochs: int | None, steps: int | None) -> None:
    for swap in schedule.swaps:
        if isinstance(swap.when, Epoch) and epochs and swap.when.epoch >= epochs:
            raise ValueError(
                f"swap {swap.when} comes after the end of training; fit has {epochs} epochs, "
                f"0 to {epochs - 1}"
            )
        if isinstance(swap.when, Step) and epochs and steps:
            total = epochs * steps
            if swap.when.step >= total:
                raise ValueError(
                    f"swap {swap.when} comes after the end of training; fit has {total} steps "
                    f"({epochs} epochs of {steps}), 0 to {total - 1}"
                )
