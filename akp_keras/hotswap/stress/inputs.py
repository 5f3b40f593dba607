"""`inputs=noise(0.5)`: Gaussian noise on what training steps are given, and on nothing else.

Validation, `evaluate`, `predict` and saved models never see it; it ends with `fit` at the latest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.activations import Choice, Site
from akp_keras.hotswap.targets import parse_call

# What is in force where there is no noise; a choice's function is the standard deviation.
NO_NOISE = Choice("original", 0.0)


class InputSite(Site):
    """The inputs of a model; a choice's function is the standard deviation of the noise.

    The noise is a function of a key alone, two numbers: one drawn from the seed of the `HotSwap`,
    and the training step. So it is the same whatever was trained before on the same model, with
    either strategy, and after an interruption.
    """

    target = "inputs"

    def __init__(self, model: keras.Model) -> None:
        super().__init__(model, "", NO_NOISE)
        self._held = NO_NOISE
        self._sigma: Callable[[], Any] | float = 0.0
        self._next_key = np.zeros(2, "int32")
        with keras_internals.scope(model):
            # The key of the next step, for train functions that count steps themselves.
            self._key = keras.Variable(
                self._next_key,
                dtype="int32",
                trainable=False,
                aggregation="only_first_replica",
                name="noise_key",
            )
            self._generator = keras.random.SeedGenerator(seed=0, name="noise_generator")

    @property
    def held(self) -> Choice:
        """The noise in force."""
        return self._held

    def install(self, function: Any) -> None:
        """Set the standard deviation for the time of a trace."""
        self._sigma = function

    def install_switch(self, functions: Sequence[Any], index: Callable[[], Any]) -> None:
        """Let the index choose the standard deviation for the time of a trace."""
        self._sigma = lambda: keras.ops.take(
            keras.ops.convert_to_tensor(list(functions), dtype="float32"), index()
        )

    def put(self, choice: Choice) -> None:
        """Note the noise in force; the model itself holds nothing of it."""
        self._held = choice
        self._sigma = choice.function

    def set_key(self, seed: int, step: int) -> None:
        """Say which step comes next.

        Args:
            seed: of the noise, from 0.
            step: training steps done before it.
        """
        number = np.random.SeedSequence([seed]).generate_state(1)[0] >> 1
        self._next_key = np.array([number, step], "int32")
        self._key.assign(self._next_key)

    def take_key(self) -> np.ndarray:
        """Return the key of the next step, (2,) int32, for functions that take it per batch."""
        key = self._next_key
        self._next_key = key + np.array([0, 1], "int32")
        return key

    def disturb(self, data: Any, key: Any = None) -> Any:
        """Return a batch with noise on its inputs, as the train step in progress is to be given it.

        Args:
            data: inputs, or (inputs, labels) or (inputs, labels, sample weights).
            key: of the noise, (2,) int32; None for the site's own, which then goes on by a step.

        Returns:
            The same structure. Integer inputs become floats where the model declares floats, and
            are left alone where it does not.

        Raises:
            ValueError: if no input can take noise.
        """
        if not callable(self._sigma) and self._sigma == 0:
            return data
        sigma = self._sigma() if callable(self._sigma) else self._sigma
        own = key is None
        if own:
            key = keras.ops.convert_to_tensor(self._key)
        x, rest = (data[0], tuple(data[1:])) if isinstance(data, (list, tuple)) else (data, None)
        leaves = [_as_number(leaf, self.layer) for leaf in keras.tree.flatten(x)]
        places = [place for place, leaf in enumerate(leaves) if _is_float(leaf)]
        if not places:
            raise ValueError(_no_floats([leaf.dtype for leaf in leaves]))
        first = keras_internals.replica(self.layer) * len(leaves)
        for place in places:
            leaves[place] = self._with_noise(leaves[place], sigma, key, first + place)
        if own:
            self._key.assign_add(np.array([0, 1], "int32"))
        x = keras.tree.pack_sequence_as(x, leaves)
        return x if rest is None else (x, *rest)

    def _with_noise(self, x: Any, sigma: Any, key: Any, place: Any) -> Any:
        def disturbed() -> Any:
            shift = keras.ops.stack([keras.ops.cast(place, "int32"), 0])
            state = keras.ops.cast(key + shift, self._generator.state.dtype)
            # A pure function of the key: the generator itself is left as it is.
            with keras.StatelessScope(state_mapping=[(self._generator.state, state)]):
                drawn = keras.random.normal(
                    keras.ops.shape(x), dtype="float32", seed=self._generator
                )
            return x + keras.ops.cast(sigma * drawn, x.dtype)

        if not callable(self._sigma):
            return disturbed()
        # Where the noise is off, none is drawn.
        return keras.ops.cond(sigma > 0, disturbed, lambda: x)


def make_site(layer: keras.Layer, path: str) -> InputSite | None:
    """Return the place of a model's inputs.

    Args:
        layer: a layer, or the model itself.
        path: its path; empty for the model itself.

    Returns:
        The place, and None for a layer inside the model.
    """
    return None if path else InputSite(layer)


def choice_of(value: str) -> Choice:
    """Return the choice for a value such as `noise(0.5)`."""
    (sigma,) = parse_call(value).arguments
    return Choice(f"noise({float(sigma):.12g})", float(sigma)) if sigma else NO_NOISE


def check(model: keras.Model) -> None:
    """Refuse a model whose declared inputs are all integers.

    Raises:
        ValueError: if they are.
    """
    declared = _declared(model)
    if declared and not any(keras.backend.is_float_dtype(dtype) for dtype in declared):
        raise ValueError(_no_floats(declared))


def _as_number(leaf: Any, model: keras.Model) -> Any:
    declared = _declared(model)
    leaf = keras.ops.convert_to_tensor(leaf)
    if declared and all(keras.backend.is_float_dtype(dtype) for dtype in declared):
        return leaf if _is_float(leaf) else keras.ops.cast(leaf, keras.backend.floatx())
    return leaf


def _is_float(tensor: Any) -> bool:
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))


def _declared(model: keras.Model) -> list[str]:
    try:
        return [tensor.dtype for tensor in keras.tree.flatten(model.inputs)]
    except (AttributeError, ValueError):
        return []


def _no_floats(dtypes: Sequence[Any]) -> str:
    names = ", ".join(sorted({keras.backend.standardize_dtype(dtype) for dtype in dtypes}))
    return f"noise needs inputs of floating point; the model's are {names}"
