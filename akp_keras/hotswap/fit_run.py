"""One `fit` with a schedule: carries out the swaps when they are due."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.agenda import Agenda
from akp_keras.hotswap.backup import Backup, Progress
from akp_keras.hotswap.clock import Clock
from akp_keras.hotswap.model_state import ModelState
from akp_keras.hotswap.moving import Position
from akp_keras.hotswap.plateau import PlateauWatch
from akp_keras.hotswap.programs import Programs, Row
from akp_keras.hotswap.record import SwapRecord
from akp_keras.hotswap.resolver import Resolver
from akp_keras.hotswap.schedule import Change, Schedule
from akp_keras.hotswap.targets import find_target
from akp_keras.hotswap.tracing import Held
from akp_keras.hotswap.when import Epoch, Plateau, Step


class FitRun:
    """The state of one `fit`.

    Args:
        model: the model that is trained.
        schedule: what happens.
        state: what is kept with the model.
        resolver: says what changes mean for the model.
        programs: the train and test functions.
        callbacks: all of the `fit`.
        clock: at the beginning of the training.
        seed: of random numbers.

    Attributes:
        records: what happened, in order.
        watches: from the number of a swap at a plateau, what is watched for it.
    """

    def __init__(
        self,
        model: keras.Model,
        schedule: Schedule,
        state: ModelState,
        resolver: Resolver,
        programs: Programs,
        callbacks: Sequence[keras.callbacks.Callback],
        clock: Clock,
        seed: int,
    ) -> None:
        self._model = model
        self._swaps = schedule.swaps
        self._state = state
        self._resolver = resolver
        self._programs = programs
        self._backup = Backup.beside(callbacks, str(schedule))
        self._callbacks = callbacks
        self._held_at_end: dict[int, Held] = {}
        self._clock = clock
        self._seed = seed
        self._agenda = Agenda(schedule)
        self._begun = False
        # The step of the last swap that the execution in progress carries out by itself.
        self._last_ahead: int | None = None
        self._reached: dict[int, tuple[int, int]] = {}
        self.records: list[SwapRecord] = []
        self.watches = {
            number: PlateauWatch(swap.when)
            for number, swap in enumerate(self._swaps)
            if isinstance(swap.when, Plateau)
        }
        programs.begin()
        programs.before_step = self._before_eager_step
        self._write()

    def begin_epoch(self, epoch: int, iterations: int) -> None:
        """Carry out what is due before an epoch.

        Args:
            epoch: number of the epoch.
            iterations: by how much the optimizer's count has grown without steps of this `fit`.
        """
        if self._begun:
            self._clock.epoch = epoch
            self._clock.count(self._programs.steps)
        else:
            self._begun = True
            self._resume(epoch, iterations)
        self._carry_out(self._agenda.take_epoch(epoch, self._clock.step, self._is_reached))
        if self._held.moving:
            self._write()

    def begin_execution(self) -> None:
        """Carry out what is due before a step, and prepares what is due within an execution."""
        self._carry_out(self._agenda.take_steps(self._clock.step))
        self._clock.begin_execution()
        rows = self._rows_ahead()
        if self._held.changes_each_step or self._last_ahead is not None:
            self._state.move(self._clock.now)
            self._programs.write(rows)

    def end_execution(self) -> None:
        """Count the steps done, and notes the swaps that fell within the execution."""
        self._clock.end_execution(self._model.steps_per_execution)
        if self._last_ahead is not None:
            self._clock.count(self._programs.steps)
            done = min(self._clock.step - 1, self._last_ahead)
            self._last_ahead = None
            self._carry_out(self._agenda.take_steps(done), is_exact=True)

    def begin_test(self) -> None:
        """Let validation compute with the numbers of this moment."""
        if self._held.moving:
            self._clock.count(self._programs.steps)
            self._write()

    def end_epoch(self, epoch: int, logs: Mapping[str, Any]) -> None:
        """Watch metrics for plateaus, and keeps the progress.

        Raises:
            ValueError: if a metric that is watched is not in the logs.
        """
        for number, watch in self.watches.items():
            watch.ask_direction(self._model)
            is_watched = number == 0 or self._agenda.has_happened(number - 1)
            if is_watched and not self._agenda.has_happened(number):
                watch.see(logs)
        self._clock.count(self._programs.steps)
        self._held_at_end[epoch] = self._held.ended(self._clock.now)
        if self._backup is not None:
            watches = {number: watch.state for number, watch in self.watches.items()}
            self._backup.save(epoch, Progress(self._clock.step, watches, self._reached))

    def end(self) -> None:
        """Leave the model when training ends, as `leave` does.

        Where `EarlyStopping` restores the weights of its best epoch, the model also holds again
        what it held at the end of that epoch.
        """
        self._clock.count(self._programs.steps)
        for callback in self._callbacks:
            epoch = keras_internals.restored_epoch(callback)
            if epoch in self._held_at_end:
                self._go_back(self._held_at_end[epoch])
        self.leave()

    def leave(self) -> None:
        """Leave the model with what is in force, apart from what ends with training."""
        self._programs.before_step = None
        if keras_internals.get_state(self._model) is self._state and self._state.is_current:
            self._state.end_fit(self._clock.now)
            self._write()

    def warn_of_what_never_came(self) -> None:
        """Name the swaps at steps that the training did not reach."""
        self._clock.count(self._programs.steps)
        for swap in self._agenda.steps_left:
            warnings.warn(
                f"swap {swap} never took place: the training had {self._clock.step} steps, 0 to "
                f"{self._clock.step - 1}",
                stacklevel=2,
            )

    @property
    def _held(self) -> Held:
        return self._state.tracer.held

    def _row(self, held: Held, steps: int = 0) -> Row:
        now = self._clock.now
        return Row(held, Position(now.step + steps, now.epoch), self._seed)

    def _write(self) -> None:
        self._state.move(self._clock.now)
        self._programs.write([self._row(self._held)])

    def _rows_ahead(self) -> list[Row]:
        """Return what is in force at the next steps, as far as a single program serves them."""
        held, length = self._held, self._model.steps_per_execution
        rows = [self._row(held)]
        coming = list(self._agenda.steps_before(self._clock.step + length))
        is_constant = not coming and not held.changes_each_step
        if length == 1 or is_constant or self._programs.is_eager:
            return rows
        for steps in range(1, length):
            while coming and coming[0][1].when.step == self._clock.step + steps:
                _, swap = coming.pop(0)
                after = self._after(held, swap.changes, steps)
                if not self._programs.serves(held, after):
                    return rows
                held, self._last_ahead = after, swap.when.step
            rows.append(self._row(held, steps))
        return rows

    def _after(self, held: Held, changes: Sequence[Change], steps: int) -> Held:
        position = self._row(held, steps).position
        for change in changes:
            _, held = self._resolver.after(held, change, position)
        return held

    def _before_eager_step(self) -> None:
        self._clock.count(self._programs.steps)
        self._carry_out(self._agenda.take_steps(self._clock.step))
        self._write()

    def _resume(self, epoch: int, iterations: int) -> None:
        """Resume where an interrupted fit stopped, or as if earlier epochs had run."""
        progress = self._backup.load(epoch) if epoch > 0 and self._backup is not None else None
        self._clock.resume(epoch, None if progress is None else progress.steps, iterations)
        if progress is not None:
            for number, state in progress.watches.items():
                self.watches[number].restore(state)
            self._reached = dict(progress.reached)
        elif epoch > 0 and self.watches and self._backup is not None:
            warnings.warn(
                f"nothing is known of what plateaus had seen before epoch {epoch}, so that they "
                f"are counted anew",
                stacklevel=2,
            )

    def _is_reached(self, number: int) -> bool:
        return number in self._reached or self.watches[number].reached

    def _carry_out(self, numbers: Iterable[int], is_exact: bool = False) -> None:
        """Carry out swaps, earliest first."""
        numbers = sorted(numbers, key=lambda number: (self._step_of(number), number))
        for number in numbers:
            self._carry_out_one(number, is_exact)
        if numbers:
            self._write()

    def _carry_out_one(self, number: int, is_exact: bool) -> None:
        position = self._position_of(number, is_exact)
        is_past = self._step_of(number) < self._clock.step and not self._clock.has_stepped
        for order, change in enumerate(self._swaps[number].changes):
            target = find_target(change.target)
            selected, before = self._put(position, change)
            if target.is_assigned(change.value, change.pattern):
                self._assign(position, order, change, is_past)
            else:
                self._note(position, change.target, selected, before)

    def _go_back(self, held: Held) -> None:
        """Make the model hold what it held before, apart from its optimizer, and notes it."""
        before, places = self._held, self._state.tracer.places
        changed = {
            number: held.choices[number]
            for number, place in enumerate(places)
            if held.choices[number] != before.choices[number] and not place.structural
        }
        spans = {number: held.spans[number] for number in changed if number in held.spans}
        after = before.after(changed, self._clock.now)
        self._state.put(replace(after, spans={**after.spans, **spans}), self._clock.now)
        for target in dict.fromkeys(places[number].target for number in changed):
            selected = [number for number in changed if places[number].target == target]
            self._note(self._clock.now, target, selected, before)

    def _put(self, position: Position, change: Change) -> tuple[list[int], Held]:
        """Make the model hold what a change says: the places selected, and what was before."""
        before = self._held
        selected, after = self._resolver.after(before, change, position)
        self._state.put(after, self._clock.now)
        return selected, before

    def _note(self, position: Position, target: str, selected: Sequence[int], before: Held) -> None:
        places, after = self._state.tracer.places, self._held
        self.records.append(
            SwapRecord(
                epoch=position.epoch,
                step=position.step,
                what=target,
                from_=_joined(before.choices[place].text for place in selected),
                to=_joined(after.choices[place].text for place in selected),
                layers=tuple(places[place].name for place in selected if places[place].name),
            )
        )

    def _assign(self, position: Position, order: int, change: Change, is_past: bool) -> None:
        """Make a change that no traced function knows of: now, not inside an execution."""
        if is_past:
            # What was assigned was saved with the state that has been restored.
            step, (before, after, layers) = position.step, ("restored", change.name, ())
        else:
            step = self._clock.step
            keras_internals.synchronise(self._model)
            before, after, layers = find_target(change.target).apply(
                self._model, change.name, change.pattern, (self._seed, step, order)
            )
        self.records.append(SwapRecord(position.epoch, step, change.target, before, after, layers))

    def _position_of(self, number: int, is_exact: bool) -> Position:
        """Return where a swap takes place, or did where a restored fit has passed it."""
        when, clock = self._swaps[number].when, self._clock
        if isinstance(when, Plateau):
            epoch, step = self._reached.setdefault(number, (clock.epoch, clock.step))
            return Position(step, epoch)
        if isinstance(when, Epoch):
            return Position(min(clock.step, self._step_of(number)), when.epoch)
        if is_exact:
            return Position(when.step, clock.epoch)
        if clock.has_stepped:
            return clock.now
        is_past = when.step < clock.step
        return Position(when.step, when.step // clock.steps_per_epoch if is_past else clock.epoch)

    def _step_of(self, number: int) -> int:
        """Return at which step a swap is, or has been where a restored fit has passed it."""
        when, clock = self._swaps[number].when, self._clock
        if number in self._reached:
            return self._reached[number][1]
        if isinstance(when, Step):
            return min(when.step, clock.step)
        if isinstance(when, Epoch) and when.epoch < clock.epoch:
            return min(when.epoch * clock.steps_per_epoch, clock.step)
        return clock.step


def _joined(texts: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(texts))
