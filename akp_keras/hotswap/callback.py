"""The callback that carries out a schedule."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import keras

from akp_keras.hotswap import activations, keras_internals, losses
from akp_keras.hotswap.activations import Choice
from akp_keras.hotswap.backup import Backup, Progress
from akp_keras.hotswap.model_state import STRATEGIES, ModelState, Strategy
from akp_keras.hotswap.plateau import PlateauWatch, check_metric
from akp_keras.hotswap.record import SwapRecord
from akp_keras.hotswap.retrace import Eager
from akp_keras.hotswap.schedule import Change, Schedule, Swap
from akp_keras.hotswap.stress import STRESS, TRACED
from akp_keras.hotswap.targets import find_target, suggestion
from akp_keras.hotswap.tracing import Configuration, Functions
from akp_keras.hotswap.when import Epoch, Plateau, Step

# The targets that traced functions hold; the others are assigned between two steps.
_FUNCTIONS = ("activation", "loss", *TRACED)


@keras.saving.register_keras_serializable("akp_keras")
class HotSwap(keras.callbacks.Callback):
    """Changes activations, losses and more in the middle of `fit`.

    Weights, optimizer state, metrics, history, other callbacks and the data go on as if nothing
    had happened. Between steps the model holds the plain functions in force, so that it can be
    saved, exported and called at any time, and loaded where this package is not installed.

    ```python
    swap = HotSwap("@0 activation=relu; @4 activation=tanh; @step:900 loss=hinge")
    model.fit(x, y, epochs=8, callbacks=[swap])
    swap.swaps
    ```

    Without a layer filter, `activation=` changes hidden non-linearities: not the output layer, no
    softmax or sigmoid (gates and attention), no `linear`. `activation=original` and
    `loss=original` mean what the model had before its first `HotSwap`.

    A loss sees what its definition asks for: from the output layer and the compiled loss it is
    known whether the model gives probabilities or logits and how labels are written, and the swap
    converts.

    The traced functions stay with the model. A later `fit` of the same model, with another
    schedule of the same candidates, traces nothing again.

    Args:
        schedule: text, a `Schedule`, a list of `Swap`, or a config dict.
        strategy: `switch` traces once with all candidates, `retrace` once for each set of
            functions in force; `auto` is `retrace` where XLA compiles on TensorFlow, else
            `switch`.
        layers: names or name patterns (regular expressions that must match in full) of the only
            layers whose activation may be changed; None for no restriction. A layer that is
            named exactly may be an output layer or a gate.
        candidates: further schedules, or names of activations and losses, that the traced
            functions shall serve as well. Give the schedules of all members that will be trained
            on the same model.
        seed: of the random numbers of `weights=` and `inputs=` changes.

    Attributes:
        swaps: a tuple of `SwapRecord`: what happened in the last `fit`, in order.
        traces: how often a train function was traced in the last `fit`.

    Raises:
        ValueError: if an argument is wrong; in `fit`, before the first step, if the schedule does
            not fit the model or the length of the training.
    """

    def __init__(
        self,
        schedule: str | Schedule | Iterable[Swap] | Mapping[str, Any],
        strategy: str = "auto",
        layers: str | Iterable[str] | None = None,
        candidates: Iterable[Any] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.schedule = Schedule.of(schedule)
        self.schedule.check_names()
        for swap in self.schedule.swaps:
            for change in swap.changes:
                if not find_target(change.target).callback:
                    raise ValueError(
                        f"{change}: {change.target} are changed where the data are prepared, not "
                        f"in fit; give HotSwap schedule.without({change.target!r})"
                    )
        if strategy not in STRATEGIES:
            raise ValueError(f"unknown strategy {strategy!r}{suggestion(strategy, STRATEGIES)}")
        self.strategy = strategy
        self.layers = _patterns(layers)
        self.candidates = _sequence(candidates)
        if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
            raise ValueError(f"seed must be a whole number from 0, not {seed!r}")
        self.seed = int(seed)
        self.swaps: tuple[SwapRecord, ...] = ()
        self._candidate_changes = _candidate_changes(self.candidates)
        self._state: ModelState | None = None
        self._functions: Strategy | None = None
        self._traces_before = 0
        self._iterations_before = 0

    @property
    def traces(self) -> int:
        """How often a train function was traced in the last `fit`."""
        if self._state is None:
            return 0
        return self._state.tracer.train_traces - self._traces_before

    def get_config(self) -> dict[str, Any]:
        """Return the arguments as plain JSON types."""
        return {
            "schedule": self.schedule.get_config(),
            "strategy": self.strategy,
            "layers": None if self.layers is None else list(self.layers),
            "candidates": [
                c if isinstance(c, str) else Schedule.of(c).get_config() for c in self.candidates
            ],
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HotSwap:
        """Return the inverse of `get_config`."""
        return cls(**config)

    def set_model(self, model: keras.Model) -> None:
        """Note the model before any callback can restore a state into it."""
        super().set_model(model)
        self._iterations_before = _iterations(model)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Check the schedule against the model and set the functions in force at the start."""
        model = self.model
        _check_built(model)
        self._begin(ModelState.of(model), keras_internals.siblings(self))
        tracer = self._state.tracer
        self._check_company()
        self._end_noise()
        configuration = self._check_schedule()
        for site, choices in zip(tracer.losses, configuration.losses, strict=True):
            site.untried = tuple(choice for choice in choices if choice != site.held)
        self._functions = self._state.strategy(model, self.strategy, configuration)
        self._traces_before = tracer.train_traces
        self._functions.begin(model)
        if isinstance(self._functions, Eager):
            self._functions.before_step = self._before_eager_step
        self._functions.put(tracer.held)
        self._forget = keras_internals.after_fit(self, self._leave)

    def check(
        self,
        model: keras.Model,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        metrics: Iterable[str] = (),
    ) -> None:
        """Refuse a schedule that a `fit` of the model would refuse, without training.

        The model is left as it is. What only the data can tell is found in `fit`: whether a custom
        loss takes the labels, and whether there are validation data.

        Args:
            model: a built and compiled model.
            epochs: as `fit` will be given it; None if unknown.
            steps_per_epoch: number of batches in an epoch; None if unknown.
            metrics: further names that callbacks or a `train_step` put into the logs of an epoch.

        Raises:
            ValueError: in one line: what does not fit the model, its loss, its metrics or the
                length of the training, and what would.
        """
        _check_built(model)
        if not model.compiled:
            raise ValueError(f"model {model.name!r} is not compiled; call compile before check")
        trial = copy.copy(self)
        trial.set_params({"epochs": epochs, "steps": steps_per_epoch})
        trial.set_model(model)
        trial._begin(ModelState.preview(model), [])
        names = keras_internals.logged_names(model)
        if names is not None:
            trial._check_metrics({*names, *metrics})
            for watch in trial._watches.values():
                trial._set_direction(watch)
                watch.check_direction()
        trial._check_schedule()

    def _begin(self, state: ModelState, callbacks: list[keras.callbacks.Callback]) -> None:
        """Set what is known of a fit before its first step."""
        self._state = state
        self._company = callbacks
        self.swaps = ()
        self._watches = {
            index: PlateauWatch(swap.when)
            for index, swap in enumerate(self.schedule.swaps)
            if isinstance(swap.when, Plateau)
        }
        self._reached: dict[int, tuple[int, int]] = {}
        self._backup = Backup.beside(callbacks, str(self.schedule))
        self._happened: set[int] = set()
        self._resolved: dict[tuple[int, int | None], Any] = {}
        self._epoch = 0
        self._steps = self._offset = 0
        self._ahead: dict[int, Functions] = {}
        self._begun = self._has_stepped = False

    def _check_schedule(self) -> Configuration:
        """Refuse what does not fit the model or the length of the training.

        Returns:
            What the schedule and the candidates may put into the model.
        """
        self._check_length()
        self._check_layers()
        held = self._state.tracer.held
        for swap in self.schedule.swaps:
            held = self._after(held, swap, is_check=True)
        return self._configuration()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Carry out what is due before an epoch."""
        self._epoch = epoch
        if not self._begun:
            self._begun = True
            self._go_on_from(epoch)
        else:
            self._count()
        self._carry_out(self._is_due_at_epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Carry out what is due before a step, and prepare what is due within an execution."""
        self._carry_out(lambda index, when: isinstance(when, Step) and when.step <= self._steps)
        self._ahead = {}
        self._execution = self._steps
        last = self._steps + self.model.steps_per_execution
        if self._functions.exact and last > self._steps + 1:
            held = self._state.tracer.held
            for _, swap in self._waiting():
                if isinstance(swap.when, Step) and swap.when.step < last:
                    held = self._after(held, swap)
                    self._ahead[swap.when.step - self._steps] = held
            if self._ahead:
                self._functions.put(self._state.tracer.held, self._ahead)
        self._key_noise()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count the steps done, and note the swaps that fell within the execution."""
        self._has_stepped = True
        # A step by step count, as an eager model has, has gone on in the meantime.
        self._steps = self._execution + self.model.steps_per_execution
        if self._ahead:
            self._count()
            done = self._steps
            self._carry_out(lambda index, when: isinstance(when, Step) and when.step < done)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Watch metrics for plateaus."""
        for index, watch in self._watches.items():
            self._set_direction(watch)
            if index not in self._happened and (index == 0 or index - 1 in self._happened):
                watch.see(logs or {})
        if self._backup is not None:
            self._count()
            watches = {index: watch.state for index, watch in self._watches.items()}
            self._backup.save(epoch, Progress(self._steps, watches, self._reached))
        if logs is not None:
            logs["swaps"] = float(sum(record.epoch == epoch for record in self.swaps))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave the model with the functions in force, and without noise on its inputs."""
        self._forget()
        self._leave()
        self._warn_of_what_never_came()

    def _set_direction(self, watch: PlateauWatch) -> None:
        if watch.when.mode == "auto" and watch.larger_is_better is None:
            watch.larger_is_better = keras_internals.larger_is_better(self.model, watch.when.metric)

    def _leave(self) -> None:
        if isinstance(self._functions, Eager):
            self._functions.before_step = None
        if self._state.is_of(self.model):
            self._end_noise()
            self._functions.put(self._state.tracer.held)

    def _warn_of_what_never_came(self) -> None:
        """Note, as only its end tells, how long a training of unknown length was."""
        epochs, model = self.params.get("epochs"), self.model
        if self.params.get("steps") or model.stop_training or self._epoch + 1 != epochs:
            return
        self._count()
        for _, swap in self._waiting():
            if isinstance(swap.when, Step):
                warnings.warn(
                    f"swap {swap} never took place: the training had {self._steps} steps, 0 to "
                    f"{self._steps - 1}",
                    stacklevel=2,
                )

    def _end_noise(self) -> None:
        tracer = self._state.tracer
        choices = [
            site.original if site is tracer.inputs else choice
            for site, choice in zip(tracer.sites, tracer.held.activations, strict=True)
        ]
        self._state.put(self.model, Functions(tuple(choices), tracer.held.losses))

    def _key_noise(self) -> None:
        """Say which noise the next step is to be given, if any."""
        inputs = self._state.tracer.inputs
        place = self._state.tracer.sites.index(inputs)
        coming = (self._state.tracer.held, *self._ahead.values())
        if any(held.activations[place] != inputs.original for held in coming):
            inputs.set_key(self.seed, self._steps)

    def _configuration(self) -> Configuration:
        """Return all that the schedule and the candidates may put into the model."""
        tracer = self._state.tracer
        changes = [
            *(change for swap in self.schedule.swaps for change in swap.changes),
            *self._candidate_changes,
        ]
        return Configuration(
            tuple(
                activations.candidates(
                    list(tracer.sites),
                    list(tracer.held.activations),
                    [
                        (change.target, change.pattern, self._choice(change))
                        for change in changes
                        if change.target in ("activation", *TRACED)
                    ],
                    self.layers,
                )
            ),
            tuple(
                losses.choices(
                    site,
                    [
                        self._loss_choice(change, index)
                        for change in changes
                        if change.target == "loss" and _selects(change, site)
                    ],
                )
                for index, site in enumerate(tracer.losses)
            ),
        )

    def _choice(self, change: Change) -> Choice | None:
        key = (id(change), None)
        if key not in self._resolved:
            try:
                if change.target not in TRACED:
                    self._resolved[key] = activations.resolve(change.value)
                elif change.value == "original":
                    self._resolved[key] = None
                else:
                    self._resolved[key] = TRACED[change.target].choice_of(change.value)
            except ValueError as error:
                raise ValueError(f"{change}: {error}") from None
        return self._resolved[key]

    def _loss_choice(self, change: Change, index: int) -> losses.LossChoice:
        key = (id(change), index)
        if key not in self._resolved:
            try:
                site = self._state.tracer.losses[index]
                self._resolved[key] = losses.resolve(site, change.value)
            except ValueError as error:
                raise ValueError(f"{change}: {error}") from None
        return self._resolved[key]

    def _after(self, held: Functions, swap: Swap, is_check: bool = False) -> Functions:
        """Return the functions in force after a swap.

        Args:
            held: in force before it.
            swap: the swap.
            is_check: whether to refuse a change that selects nothing.
        """
        for change in swap.changes:
            if is_check and (change.target in STRESS or change.target in TRACED):
                self._check_stress(change)
            selected, held = self._changed(held, change)
            if is_check and change.target in _FUNCTIONS and not selected:
                raise ValueError(self._nothing_selected(swap, change))
        return held

    def _changed(self, held: Functions, change: Change) -> tuple[list[int], Functions]:
        """Return what a change selects, and the functions in force after it."""
        tracer = self._state.tracer
        if change.target in ("activation", *TRACED):
            choices = list(held.activations)
            selected = activations.select(
                list(tracer.sites), choices, change.pattern, self.layers, change.target
            )
            choice = self._choice(change)
            for index in selected:
                choices[index] = choice or tracer.sites[index].original
            return selected, Functions(tuple(choices), held.losses)
        if change.target == "loss":
            choices = list(held.losses)
            selected = [i for i, site in enumerate(tracer.losses) if _selects(change, site)]
            for index in selected:
                choices[index] = self._loss_choice(change, index)
            return selected, Functions(held.activations, tuple(choices))
        return [], held

    def _waiting(self) -> list[tuple[int, Swap]]:
        swaps = enumerate(self.schedule.swaps)
        return [(index, swap) for index, swap in swaps if index not in self._happened]

    def _is_due_at_epoch(self, index: int, when: Epoch | Step | Plateau) -> bool:
        if isinstance(when, Epoch):
            return when.epoch <= self._epoch
        if isinstance(when, Step):
            return when.step <= self._steps
        return index in self._reached or self._watches[index].reached

    def _go_on_from(self, epoch: int) -> None:
        """Go on counting where an interrupted fit stopped, or as if earlier epochs had run."""
        seen = self._backup.load(epoch) if epoch > 0 and self._backup is not None else None
        if seen is not None:
            self._offset = seen.steps
            for index, state in seen.watches.items():
                self._watches[index].restore(state)
            self._reached = dict(seen.reached)
        elif self.params.get("steps"):
            self._offset = epoch * self.params["steps"]
        else:
            # Another callback may have restored an optimizer.
            self._offset = max(0, _iterations(self.model) - self._iterations_before)
        self._steps = self._offset
        if seen is None and epoch > 0 and self._watches and self._backup is not None:
            warnings.warn(
                f"nothing is known of what plateaus had seen before epoch {epoch}, so that they "
                f"are counted anew",
                stacklevel=2,
            )

    def _carry_out(self, is_due: Any) -> None:
        """Carry out the swaps that are due, earliest first."""
        due = [(index, swap) for index, swap in self._waiting() if is_due(index, swap.when)]
        if not due:
            return
        for index, swap in sorted(due, key=lambda pair: (self._position(pair[0]), pair[0])):
            self._happened.add(index)
            self._carry_out_one(index, swap)
        self._functions.put(self._state.tracer.held)

    def _carry_out_one(self, index: int, swap: Swap) -> None:
        epoch, step = self._epoch, self._steps
        if isinstance(swap.when, Plateau):
            epoch, step = self._reached.setdefault(index, (epoch, step))
        elif isinstance(swap.when, Epoch):
            epoch, step = swap.when.epoch, min(step, self._position(index))
        elif isinstance(swap.when, Step) and (self._functions.exact or not self._has_stepped):
            step = swap.when.step
            if step < self._steps and not self._has_stepped:
                epoch = step // self._steps_per_epoch()
        tracer = self._state.tracer
        for number, change in enumerate(swap.changes):
            if change.target not in _FUNCTIONS:
                is_past = self._position(index) < self._steps and not self._has_stepped
                self._carry_out_stress(epoch, step, number, change, is_past)
                continue
            before = tracer.held
            selected, after = self._changed(before, change)
            if change.target != "loss":
                old, new = before.activations, after.activations
                names = [tracer.sites[index].name for index in selected]
            else:
                old, new = before.losses, after.losses
                names = [tracer.losses[index].name for index in selected]
                names = names if len(tracer.losses) > 1 else []
            self._state.put(self.model, after)
            record = SwapRecord(
                epoch=epoch,
                step=step,
                what=change.target,
                from_=_joined(old[index].text for index in selected),
                to=_joined(new[index].text for index in selected),
                layers=tuple(filter(None, names)),
            )
            self.swaps = (*self.swaps, record)

    def _check_stress(self, change: Change) -> None:
        if change.target in STRESS:
            STRESS[change.target].check(self.model, change)
            return
        check = getattr(TRACED[change.target], "check", None)
        if check is None:
            return
        try:
            check(self.model)
        except ValueError as error:
            raise ValueError(f"{change}: {error}") from None

    def _carry_out_stress(
        self, epoch: int, step: int, number: int, change: Change, is_past: bool
    ) -> None:
        """Make a change that no traced function knows of: now, not inside an execution."""
        if is_past:
            # What was assigned was saved with the state that has been restored.
            before, after, layers = "restored", change.name, ()
        else:
            step = self._steps
            keras_internals.synchronise(self.model)
            seed = (self.seed, step, number)
            before, after, layers = STRESS[change.target].apply(self.model, change, seed)
        record = SwapRecord(epoch, step, change.target, before, after, layers)
        self.swaps = (*self.swaps, record)

    def _position(self, index: int) -> int:
        """Return at which step a swap is, or has been where a restored fit has passed it."""
        when = self.schedule.swaps[index].when
        if index in self._reached:
            return self._reached[index][1]
        if isinstance(when, Step):
            return min(when.step, self._steps)
        if isinstance(when, Epoch) and when.epoch < self._epoch:
            return min(when.epoch * self._steps_per_epoch(), self._steps)
        return self._steps

    def _steps_per_epoch(self) -> int:
        return self.params.get("steps") or max(1, self._steps // max(1, self._epoch))

    def _count(self) -> None:
        steps = self._functions.steps()
        if steps is not None:
            self._steps = self._offset + steps

    def _before_eager_step(self, steps: int) -> None:
        self._steps = self._offset + steps
        self._carry_out(lambda index, when: isinstance(when, Step) and when.step <= self._steps)
        self._key_noise()

    def _check_company(self) -> None:
        count = sum(isinstance(callback, HotSwap) for callback in self._company)
        if count > 1:
            raise ValueError(
                f"this fit has {count} HotSwap callbacks; give one of them all swaps, as in "
                f"HotSwap('{self.schedule}; …')"
            )
        # Other callbacks may put metrics of their own into the logs.
        is_known = self._company and all(_logs_nothing_new(each) for each in self._company)
        names = keras_internals.logged_names(self.model) if is_known else None
        if names is not None:
            self._check_metrics(names)

    def _check_metrics(self, names: set[str]) -> None:
        for watch in self._watches.values():
            check_metric(watch.when, {*names, "learning_rate"})

    def _check_length(self) -> None:
        epochs, steps = self.params.get("epochs"), self.params.get("steps")
        for swap in self.schedule.swaps:
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

    def _check_layers(self) -> None:
        sites = [site for site in self._state.tracer.sites if site.target == "activation"]
        for layer in self.layers or ():
            if not any(site.matches(layer, ()) for site in sites):
                near = suggestion(layer, {site.name for site in sites})
                raise ValueError(f"layers has {layer!r}, which matches no layer{near}")

    def _nothing_selected(self, swap: Swap, change: Change) -> str:
        tracer = self._state.tracer
        if change.target == "loss":
            if not tracer.losses:
                return f"swap {swap.when}: model {self.model.name!r} is compiled without a loss"
            known = [site.name for site in tracer.losses]
            what = "output"
            if len(known) == 1:
                return (
                    f"swap {swap.when}: {change} matches no output; the model has one, so write "
                    f"loss= without a filter"
                )
        else:
            known = [site.name for site in tracer.sites if site.target == change.target]
            what = "layer with an activation that may be swapped"
            if change.target == "dropout":
                what = "Dropout layer that was made with a rate above 0"
        if change.pattern is None:
            return (
                f"swap {swap.when}: {change} finds no {what} in model {self.model.name!r}; name "
                f"one in square brackets"
            )
        return (
            f"swap {swap.when}: {change} matches no {what}{suggestion(change.pattern, set(known))}"
        )


def _check_built(model: keras.Model) -> None:
    if not model.built:
        raise ValueError(
            f"HotSwap needs a model whose layers exist; build {model.name!r} before fit, by "
            f"an Input, model.build(shape) or a call on one batch"
        )


def _logs_nothing_new(callback: keras.callbacks.Callback) -> bool:
    if isinstance(callback, HotSwap):
        return True
    is_keras = type(callback).__module__.partition(".")[0] == "keras"
    return is_keras and not isinstance(callback, keras.callbacks.LambdaCallback)


def _selects(change: Change, site: losses.LossSite) -> bool:
    return change.pattern is None or bool(re.fullmatch(change.pattern, site.name))


def _joined(texts: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(texts))


def _sequence(candidates: Iterable[Any] | None) -> tuple[Any, ...]:
    if candidates is None:
        return ()
    if isinstance(candidates, (str, Mapping, Schedule)) or not isinstance(candidates, Iterable):
        raise ValueError(
            f"candidates must be a list of names or schedules, as in ['gelu'], not {candidates!r}"
        )
    return tuple(candidates)


def _patterns(layers: str | Iterable[str] | None) -> tuple[str, ...] | None:
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


def _candidate_changes(candidates: Iterable[Any]) -> list[Change]:
    changes = []
    for candidate in candidates:
        if isinstance(candidate, str) and "=" not in candidate and candidate.strip():
            target = "activation"
            try:
                activations.resolve(candidate)
            except ValueError:
                target = "loss"
            change = Change(target, candidate)
            try:
                Schedule((Swap(Epoch(0), (change,)),)).check_names()
            except ValueError:
                raise ValueError(
                    f"candidate {candidate!r} is no schedule, activation or loss"
                ) from None
            changes.append(change)
        else:
            schedule = Schedule.of(candidate)
            schedule.check_names()
            changes.extend(change for swap in schedule.swaps for change in swap.changes)
    return changes


def _iterations(model: keras.Model) -> int:
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None:
        return 0
    return int(optimizer.iterations)
