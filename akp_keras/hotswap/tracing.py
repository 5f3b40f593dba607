"""What is in the model while Keras traces a train or test function.

Between steps a model holds the plain functions in force, always. Only while Keras traces a train
or test function, its layers and losses hold what is to be traced. So nothing that is saved,
exported or called by hand ever meets a switch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras

from akp_keras.hotswap.activations import Choice, Site, with_shape
from akp_keras.hotswap.losses import LossChoice, LossSite
from akp_keras.hotswap.stress.inputs import InputSite


@dataclass(frozen=True)
class Functions:
    """The functions that are in force at one time.

    Attributes:
        activations: one for each place of the model.
        losses: one for each output with a loss.
    """

    activations: tuple[Choice, ...]
    losses: tuple[LossChoice, ...]


@dataclass(frozen=True)
class Configuration:
    """What a train function can compute without being traced again.

    Attributes:
        activations: for each place of the model the functions it can hold.
        losses: the same for each output with a loss.
    """

    activations: tuple[tuple[Choice, ...], ...]
    losses: tuple[tuple[LossChoice, ...], ...]

    @classmethod
    def of(cls, functions: Functions) -> Configuration:
        """Return the configuration that can hold these functions only."""
        return cls(
            tuple((choice,) for choice in functions.activations),
            tuple((choice,) for choice in functions.losses),
        )

    @property
    def slots(self) -> int:
        """Number of places and outputs that have more than one choice."""
        return sum(len(choices) > 1 for choices in (*self.activations, *self.losses))

    def indices(self, functions: Functions) -> list[int]:
        """Return, for each slot, which of its choices is in force."""
        pairs = zip(
            (*self.activations, *self.losses),
            (*functions.activations, *functions.losses),
            strict=True,
        )
        return [choices.index(choice) for choices, choice in pairs if len(choices) > 1]


class Tracer:
    """Puts a configuration into a model while a function is traced.

    Replicas of a distribution strategy trace the same step in several threads that take turns, so
    the first to enter puts it in, and the last to leave takes it out.

    Args:
        sites: the activation functions of the model, and the further places of
            `akp_keras.hotswap.stress`.
        losses: the losses of the model.

    Attributes:
        inputs: the place that may put noise on the inputs of a train step.
    """

    def __init__(self, sites: Sequence[Site], losses: Sequence[LossSite]) -> None:
        self.sites = tuple(sites)
        self.losses = tuple(losses)
        (self.inputs,) = (site for site in self.sites if isinstance(site, InputSite))
        self.held = Functions(
            tuple(site.held for site in sites), tuple(site.held for site in losses)
        )
        self.train_traces = 0
        self._before: tuple[Choice, ...] = ()
        self._depth = 0
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take note of activations that were changed by hand."""
        now = tuple(site.held for site in self.sites)
        self.held = Functions(now, self.held.losses)

    @contextmanager
    def holding(
        self, configuration: Configuration, index: Callable[[int], Any], is_training: bool
    ) -> Iterator[None]:
        """Make the model hold a configuration.

        Args:
            configuration: what to hold.
            index: from the number of a slot, the scalar int32 tensor that says which of its
                choices is in force; called wherever a layer or loss is.
            is_training: whether a train function is traced.
        """
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self.train_traces += is_training
                self._install(configuration, index)
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    for site in self.losses:
                        site.active = None
                    for site, choice in zip(self.sites, self._before, strict=True):
                        site.put(choice)

    def put(self, functions: Functions) -> None:
        """Make the model hold plain functions, where it does not yet."""
        for site, before, choice in zip(
            self.sites, self.held.activations, functions.activations, strict=True
        ):
            if choice != before:
                site.put(choice)
        for site, choice in zip(self.losses, functions.losses, strict=True):
            site.held = choice
        self.held = functions

    def _install(self, configuration: Configuration, index: Callable[[int], Any]) -> None:
        slot = 0
        self._before = tuple(site.held for site in self.sites)
        for site, choices, now, held in zip(
            self.sites, configuration.activations, self._before, self.held.activations, strict=True
        ):
            if now != held:
                # Set by hand since: what Keras traces is what the layer holds.
                site.install(now.function)
            elif len(choices) == 1:
                site.install(choices[0].function)
            else:
                site.install_switch([c.function for c in choices], partial(index, slot))
            slot += len(choices) > 1
        for site, choices in zip(self.losses, configuration.losses, strict=True):
            callables = [site.callable_of(choice) for choice in choices]
            if len(callables) == 1:
                site.active = callables[0]
            else:
                site.active = _loss_switch(callables, index, slot)
                slot += 1


def _loss_switch(
    losses: list[Callable[..., Any]], index: Callable[[int], Any], slot: int
) -> Callable[..., Any]:
    def loss(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        branches = [lambda f=f: f(y_true, y_pred, sample_weight) for f in losses]
        return with_shape(keras.ops.switch(index(slot), branches), ())

    return loss
