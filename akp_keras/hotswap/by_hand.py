"""What a model can have swapped, and swaps outside of `fit`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.model_state import ModelState
from akp_keras.hotswap.moving import START
from akp_keras.hotswap.places import Place
from akp_keras.hotswap.resolver import Resolver, layer_filters
from akp_keras.hotswap.schedule import Schedule
from akp_keras.hotswap.targets import PlaceTarget, find_target
from akp_keras.hotswap.tracing import Held


def swappable(model: keras.Model, target: str = "activation") -> Sequence[Place]:
    """Return the places of a model that changes of a target can select.

    Args:
        model: a built and compiled model.
        target: such as `activation`.

    Returns:
        The places, each with `name`, `held.text` and `by_default`: whether a change without a
        layer filter selects it.

    Raises:
        ValueError: if there is no such target, or the places of a target are not known.
    """
    if not isinstance(find_target(target), PlaceTarget):
        raise ValueError(f"{target} is not held by places of a model")
    keras_internals.check_ready(model)
    return ModelState.preview(model).tracer.of_target(target)


def swap_now(model: keras.Model, changes: str, layers: str | Iterable[str] | None = None) -> None:
    """Make changes outside of `fit`.

    Args:
        model: a built and compiled model.
        changes: as in a schedule, without a time: `activation=tanh loss=hinge`. Changes that are
            made once between two steps, such as `weights=`, are not possible here.
        layers: as in `HotSwap`.

    Raises:
        ValueError: in one line, if a change does not fit the model.
    """
    keras_internals.check_ready(model)
    schedule = Schedule.parse(f"@0 {changes}")
    schedule.check_names()
    state = ModelState.of(model)
    resolver = Resolver(model, state.tracer.places, schedule, (), layer_filters(layers))
    held = state.tracer.held
    resolver.check(held, None, None)
    for change in schedule.swaps[0].changes:
        if find_target(change.target).is_assigned(change.value, change.pattern):
            raise ValueError(f"{change}: {change.target} is changed in fit only")
        _, held = resolver.after(held, change, START)
    state.put(held, START)
    model.train_function = model.test_function = None


def restore(model: keras.Model) -> None:
    """Give a model what it had before its first `HotSwap`.

    Weights stay as they are. Optimizers that swaps have made begin anew when they come into force
    again. A model that no `HotSwap` has touched is left alone.
    """
    if keras_internals.get_state(model) is not None:
        state = ModelState.of(model)
        state.put(Held(tuple(place.original for place in state.tracer.places)), START)
        for place in state.tracer.places:
            place.forget()
        model.train_function = model.test_function = None
