"""`inputs=noise(0.5)`: Gaussian noise on what training steps are given, and on nothing else.

Validation, `evaluate`, `predict` and saved models never see it; it ends with `fit` at the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.moving import Moving
from akp_keras.hotswap.places import Choice, Place, Reading, number_choice
from akp_keras.hotswap.targets.forms import Range, read_in_function
from akp_keras.hotswap.targets.target import PlaceTarget

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")

_SIGMA = Range("sigma from 0")
_NO_NOISE = number_choice("original", 0.0)


class Inputs(PlaceTarget):
    """The inputs of training steps."""

    name = "inputs"
    example = "noise(0.1)"
    takes_pattern = False
    takes_objects = True

    def check_text(self, text: str) -> None:
        """Accept `noise(sigma)` or `original`."""
        if text != "original":
            read_in_function(text, "noise", _SIGMA)

    def places(self, model: keras.Model) -> Sequence[InputPlace]:
        """Return one place, the inputs of the model."""
        return [InputPlace(model)]

    def choice(self, place: InputPlace, resolved: Any) -> Choice:
        """Return the noise of a standard deviation, which may move."""
        if not isinstance(resolved, str):
            text = f"noise({self.text_of(resolved)})"
            return number_choice(text, _SIGMA.read(resolved), id(resolved), draws=True)
        sigma = read_in_function(resolved, "noise", _SIGMA)
        if isinstance(sigma, Moving):
            return number_choice(resolved, sigma, draws=True)
        return number_choice(f"noise({sigma:.12g})", sigma, draws=True) if sigma else _NO_NOISE

    def check(self, model: keras.Model, value: Any, pattern: str | None) -> None:
        """Refuse a model whose declared inputs are all integers."""
        declared = _declared(model)
        if declared and not any(keras.backend.is_float_dtype(dtype) for dtype in declared):
            raise ValueError(_no_floats(declared))


class InputPlace(Place):
    """The inputs of a model; a choice's number is the standard deviation of the noise.

    The noise is a function of a key alone, two numbers: one drawn from the seed of the `HotSwap`,
    and the training step. So it is the same whatever was trained before on the same model, with
    either strategy, and after an interruption.
    """

    target = "inputs"
    ends_with_fit = True

    def __init__(self, model: keras.Model) -> None:
        super().__init__("", _NO_NOISE)
        self._model = model
        self._reading: Reading | None = None
        with keras_internals.scope(model):
            self._generator = keras.random.SeedGenerator(seed=0, name="noise_generator")

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Let the step in progress disturb its inputs."""
        self._reading = reading

    def remove(self) -> None:
        """Leave inputs alone."""
        self._reading = None

    def disturb(self, data: Any) -> Any:
        """Return a batch with noise on its inputs, as the train step in progress is to be given it.

        Args:
            data: inputs, or (inputs, labels) or (inputs, labels, sample weights).

        Returns:
            The same structure. Integer inputs become floats where the model declares floats, and
            are left alone where it does not.

        Raises:
            ValueError: if no input can take noise.
        """
        if self._reading is None:
            return data
        (sigma,), key = self._reading.numbers(), self._reading.key()
        x, rest = (data[0], tuple(data[1:])) if isinstance(data, (list, tuple)) else (data, None)
        leaves = [_as_number(leaf, self._model) for leaf in keras.tree.flatten(x)]
        floats = [position for position, leaf in enumerate(leaves) if _is_float(leaf)]
        if not floats:
            raise ValueError(_no_floats([leaf.dtype for leaf in leaves]))
        first = keras_internals.replica(self._model) * len(leaves)
        for position in floats:
            leaves[position] = self._with_noise(leaves[position], sigma, key, first + position)
        x = keras.tree.pack_sequence_as(x, leaves)
        return x if rest is None else (x, *rest)

    def _with_noise(self, x: Any, sigma: Any, key: Any, number: Any) -> Any:
        def disturbed() -> Any:
            shift = keras.ops.stack([keras.ops.cast(number, "int32"), 0])
            state = keras.ops.cast(key + shift, self._generator.state.dtype)
            # A pure function of the key: the generator itself is left as it is.
            with keras.StatelessScope(state_mapping=[(self._generator.state, state)]):
                drawn = keras.random.normal(
                    keras.ops.shape(x), dtype="float32", seed=self._generator
                )
            return x + keras.ops.cast(sigma * drawn, x.dtype)

        # Where the noise is off, none is drawn.
        return keras.ops.cond(sigma > 0, disturbed, lambda: x)


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
