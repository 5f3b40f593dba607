"""How a training step changes weights, beside what the optimizer does by itself.

With `keras_internals`, the one place that touches what Keras does not promise to keep.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras


class OptimizerStep:
    """What places ask of the optimizer while a training step is traced.

    Args:
        optimizer: of the model.
    """

    def __init__(self, optimizer: keras.Optimizer) -> None:
        self._outer = optimizer
        # A scaling of the loss wraps the optimizer that has the slots.
        self._inner = getattr(optimizer, "inner_optimizer", optimizer)
        self._rate: Callable[[Any], Any] | None = None
        self._rates: dict[int, Callable[[Any], Any]] = {}
        self._gates: dict[int, list[Callable[[], Any]]] = {}

    def set_learning_rate(self, rate: Callable[[Any], Any]) -> None:
        """Make the step begin with a learning rate, which the optimizer keeps.

        Args:
            rate: from the optimizer's learning rate, the one to begin with.
        """
        self._rate = rate

    def set_learning_rate_of(
        self, variables: Iterable[keras.Variable], rate: Callable[[Any], Any]
    ) -> None:
        """Give weights a learning rate of their own.

        Args:
            variables: the weights.
            rate: from the optimizer's learning rate, the weights' own.
        """
        self._rates |= {id(variable): rate for variable in variables}

    def gate(self, variables: Iterable[keras.Variable], is_free: Callable[[], Any]) -> None:
        """Let a step leave weights alone, as if they had no gradient.

        Their slots stay as they are too, and neither weight decay nor momentum moves them.

        Args:
            variables: the weights.
            is_free: returns a bool or a scalar bool tensor: whether they are changed.
        """
        for variable in variables:
            self._gates.setdefault(id(variable), []).append(is_free)

    def install(self) -> None:
        """Make the optimizer do so for the time of a trace."""
        if self._rate is not None or self._gates:
            _set(self._outer, "apply", self._apply)
        if self._rates:
            _set(self._inner, "_backend_update_step", self._update)

    def remove(self) -> None:
        """Give the optimizer its own methods again."""
        vars(self._outer).pop("apply", None)
        vars(self._inner).pop("_backend_update_step", None)

    def _apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        variables = list(
            self._inner._trainable_variables if trainable_variables is None else trainable_variables
        )
        if not self._inner.built:
            with keras.name_scope(self._inner.name, caller=self._inner):
                self._outer.build(variables)
        if self._rate is not None:
            rate = self._inner._learning_rate
            rate.assign(keras.ops.cast(self._rate(rate + 0), rate.dtype))
        grads, kept = list(grads), []
        for number, variable in enumerate(variables):
            is_free = _all(gate() for gate in self._gates.get(id(variable), ()))
            if is_free is False:
                grads[number] = None
            elif is_free is not True and grads[number] is not None:
                grads[number] = _where(is_free, grads[number])
                kept += [(each, each + 0, is_free) for each in self._state_of(variable)]
        if all(gradient is None for gradient in grads):
            self._inner._iterations.assign_add(1)
            return
        with warnings.catch_warnings():
            # Keras warns of weights without a gradient, which is what was asked for.
            warnings.filterwarnings("ignore", message="Gradients do not exist for variables")
            type(self._outer).apply(self._outer, grads, variables)
        for variable, before, is_free in kept:
            after = keras.ops.convert_to_tensor(variable)
            variable.assign(keras.ops.where(is_free, after, before))

    def _update(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        """Update the weights of each learning rate together."""
        groups: dict[Any, list[tuple[Any, Any]]] = {}
        for gradient, variable in zip(grads, variables, strict=True):
            groups.setdefault(self._rates.get(id(variable)), []).append((gradient, variable))
        update = type(self._inner)._backend_update_step
        for rate, pairs in groups.items():
            own = learning_rate if rate is None else rate(learning_rate)
            update(self._inner, *map(list, zip(*pairs, strict=True)), own)

    def _state_of(self, variable: keras.Variable) -> list[keras.Variable]:
        """Return a weight and its slots: in each of the optimizer's lists that of its number."""
        number = self._inner._get_variable_index(variable)
        count = len(self._inner._trainable_variables)
        lists = [
            values
            for name, values in vars(self._inner).items()
            if isinstance(values, list)
            and len(values) == count
            and name not in ("_variables", "_trainable_variables")
        ]
        slots = [values[number] for values in lists]
        return [variable, *(slot for slot in slots if isinstance(slot, keras.Variable))]


def _all(gates: Iterable[Any]) -> Any:
    """Return whether all gates are open: a bool where it is known, else a tensor."""
    dynamic = []
    for is_free in gates:
        if is_free is False:
            return False
        if is_free is not True:
            dynamic.append(is_free)
    if not dynamic:
        return True
    result = dynamic[0]
    for is_free in dynamic[1:]:
        result = keras.ops.logical_and(result, is_free)
    return result


def _where(is_free: Any, gradient: Any) -> Any:
    """Return a gradient that is 0 where the weight is left alone, so that no norm counts it."""
    if hasattr(gradient, "indices"):
        return gradient
    return keras.ops.where(is_free, gradient, keras.ops.zeros_like(gradient))


def _set(optimizer: keras.Optimizer, name: str, value: Any) -> None:
    vars(optimizer)[name] = value
