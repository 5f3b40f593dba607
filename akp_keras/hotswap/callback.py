"""The callback that carries out a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

import keras

from akp_keras.hints import hint
from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.clock import Clock
from akp_keras.hotswap.fit_run import FitRun
from akp_keras.hotswap.model_state import STRATEGIES, ModelState
from akp_keras.hotswap.moving import START
from akp_keras.hotswap.plateau import PlateauWatch, check_metric
from akp_keras.hotswap.record import SwapRecord
from akp_keras.hotswap.resolver import Resolver, candidate_changes, layer_filters
from akp_keras.hotswap.schedule import Schedule, Swap
from akp_keras.hotswap.targets import find_target
from akp_keras.hotswap.when import Plateau


@keras.saving.register_keras_serializable("akp_keras")
class HotSwap(keras.callbacks.Callback):
    """Changes activations, losses and more in the middle of `fit`.

    Weights, optimizer state, metrics, history, other callbacks and the data stay as they are.
    Between steps the model holds the plain functions in force, so that it can be saved, exported
    and called at any time, and loaded where this package is not installed.

    ```python
    swap = HotSwap("@0 activation=relu; @4 activation=tanh; @step:900 loss=hinge")
    model.fit(x, y, epochs=8, callbacks=[swap])
    swap.swaps
    ```

    Without a layer filter, `activation=` changes hidden non-linearities: not the output layer, no
    softmax or sigmoid (gates and attention), no `linear`. `activation=original` and
    `loss=original` mean what the model had before its first `HotSwap`.

    A loss sees what its definition asks for: from the output layer and the compiled loss it is
    known whether the model returns probabilities or logits and how labels are written, and the
    swap converts.

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
        log_swaps: whether to put the number of an epoch's changes into its logs, as `swaps`, and so
            into the history.

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
        log_swaps: bool = False,
    ) -> None:
        super().__init__()
        self.schedule = Schedule.of(schedule)
        self.schedule.check_names()
        _check_targets(self.schedule)
        if strategy not in STRATEGIES:
            raise ValueError(f"unknown strategy {strategy!r}; {hint(strategy, STRATEGIES)}")
        self.strategy = strategy
        self.layers = layer_filters(layers)
        self.candidates = _sequence(candidates)
        if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
            raise ValueError(f"seed must be a whole number from 0, not {seed!r}")
        self.seed = int(seed)
        self.log_swaps = bool(log_swaps)
        self._candidate_changes = candidate_changes(self.candidates)
        self._state: ModelState | None = None
        self._run: FitRun | None = None
        self._traces_before = 0
        self._iterations_before = 0
        self._epoch = 0

    @property
    def swaps(self) -> tuple[SwapRecord, ...]:
        """What happened in the last `fit`, in order."""
        return () if self._run is None else tuple(self._run.records)

    @property
    def traces(self) -> int:
        """How often a train function was traced in the last `fit`."""
        return 0 if self._state is None else self._state.tracer.train_traces - self._traces_before

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
            "log_swaps": self.log_swaps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HotSwap:
        """Return the inverse of `get_config`."""
        return cls(**config)

    def check(
        self,
        model: keras.Model,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        metrics: Iterable[str] = (),
    ) -> None:
        """Refuse a schedule that a `fit` of the model would refuse, without training.

        The model is left as it is. What only the data can tell is noticed in `fit`: whether a
        custom loss takes the labels, and whether there are validation data.

        Args:
            model: a built and compiled model.
            epochs: as `fit` will be given it; None if unknown.
            steps_per_epoch: number of batches in an epoch; None if unknown.
            metrics: further names that callbacks or a `train_step` put into the logs of an epoch.

        Raises:
            ValueError: in one line: what does not fit the model, its loss, its metrics or the
                length of the training, and what would.
        """
        keras_internals.check_ready(model)
        names = keras_internals.logged_names(model)
        if names is not None:
            self._check_plateaus({*names, *metrics})
            for swap in self.schedule.swaps:
                if isinstance(swap.when, Plateau):
                    watch = PlateauWatch(swap.when)
                    watch.ask_direction(model)
                    watch.check_direction()
        state = ModelState.preview(model)
        resolver = self._resolver(model, state)
        resolver.check(state.tracer.held, epochs, steps_per_epoch)
        resolver.configuration(state.tracer.held)

    def set_model(self, model: keras.Model) -> None:
        """Note the model before any callback can restore a state into it."""
        super().set_model(model)
        self._iterations_before = keras_internals.iterations(model)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Check the schedule against the model and sets the functions in force at the start."""
        self._run = None
        callbacks = keras_internals.siblings(self)
        self._check_company(callbacks)
        if self.model.built:
            self._begin(callbacks)
        else:
            keras_internals.before_first_step(
                self.model, lambda iterator: self._begin_late(iterator, callbacks)
            )

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Carry out what is due before an epoch."""
        self._epoch = epoch
        if self._run is not None:
            # Another callback may have restored an optimizer.
            grown = keras_internals.iterations(self.model) - self._iterations_before
            self._run.begin_epoch(epoch, grown)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Carry out what is due before a step, and prepares what is due within an execution."""
        if self._run is not None:
            self._run.begin_execution()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count the steps done, and notes the swaps that fell within the execution."""
        self._run.end_execution()

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Let validation compute with the numbers of this moment."""
        if self._run is not None:
            self._run.begin_test()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Watch metrics for plateaus."""
        if self._run is None:
            return
        self._run.end_epoch(epoch, logs or {})
        if self.log_swaps and logs is not None:
            logs["swaps"] = float(sum(record.epoch == epoch for record in self.swaps))

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave the model with the functions in force, and without noise on its inputs."""
        if self._run is None:
            return
        self._forget()
        self._run.end()
        # Only at its end is it known how long a training was.
        if not self.model.stop_training and self._epoch + 1 == self.params.get("epochs"):
            self._run.warn_of_what_never_came()

    def _begin(self, callbacks: list[keras.callbacks.Callback]) -> None:
        model, epochs, steps = self.model, self.params.get("epochs"), self.params.get("steps")
        self._state = state = ModelState.of(model)
        state.end_fit(START)
        held = state.tracer.held
        resolver = self._resolver(model, state)
        resolver.check(held, epochs, steps)
        configuration = resolver.configuration(held)
        state.try_losses(configuration)
        self._traces_before = state.tracer.train_traces
        self._run = FitRun(
            model,
            self.schedule,
            state,
            resolver,
            state.programs(self.strategy, configuration),
            callbacks,
            Clock(steps),
            self.seed,
        )
        self._forget = keras_internals.after_fit(self, self._run.leave)

    def _begin_late(self, iterator: Any, callbacks: list[keras.callbacks.Callback]) -> None:
        """Build the model for the data of the first step, and begins before it."""
        keras_internals.build_for(self.model, iterator)
        self._begin(callbacks)
        self.on_epoch_begin(self._epoch)
        self._run.begin_execution()

    def _resolver(self, model: keras.Model, state: ModelState) -> Resolver:
        places, candidates = state.tracer.places, self._candidate_changes
        return Resolver(model, places, self.schedule, candidates, self.layers)

    def _check_company(self, callbacks: list[keras.callbacks.Callback]) -> None:
        count = sum(isinstance(callback, HotSwap) for callback in callbacks)
        if count > 1:
            raise ValueError(
                f"this fit has {count} HotSwap callbacks; give one of them all swaps, as in "
                f"HotSwap('{self.schedule}; …')"
            )
        # Other callbacks may put metrics of their own into the logs.
        if callbacks and all(_logs_nothing_new(callback) for callback in callbacks):
            names = keras_internals.logged_names(self.model)
            if names is not None:
                self._check_plateaus(names)

    def _check_plateaus(self, names: set[str]) -> None:
        for swap in self.schedule.swaps:
            if isinstance(swap.when, Plateau):
                check_metric(swap.when, {*names, "learning_rate"})


def _check_targets(schedule: Schedule) -> None:
    for swap in schedule.swaps:
        for change in swap.changes:
            if not find_target(change.target).is_in_fit:
                raise ValueError(
                    f"{change}: {change.target} are changed where the data are prepared, not "
                    f"in fit; give HotSwap schedule.without({change.target!r})"
                )


def _logs_nothing_new(callback: keras.callbacks.Callback) -> bool:
    if isinstance(callback, HotSwap):
        return True
    is_keras = type(callback).__module__.partition(".")[0] == "keras"
    return is_keras and not isinstance(callback, keras.callbacks.LambdaCallback)


def _sequence(candidates: Iterable[Any] | None) -> tuple[Any, ...]:
    if candidates is None:
        return ()
    if isinstance(candidates, (str, Mapping, Schedule)) or not isinstance(candidates, Iterable):
        raise ValueError(
            f"candidates must be a list of names or schedules, as in ['gelu'], not {candidates!r}"
        )
    return tuple(candidates)
