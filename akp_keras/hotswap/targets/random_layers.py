"""Layers that disturb what they are given in training, by a number that can be swapped."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

from akp_keras.hotswap.lazily import lazily
from akp_keras.hotswap.places import Choice, LayerPlace, Reading, number_choice, with_shape

keras = lazily("keras")
keras_internals = lazily("akp_keras.hotswap.keras_internals")

# From a layer, its inputs, the number in force and a seed generator, what Keras computes.
Disturb = Callable[[Any, Any, Any, Any], Any]


class RandomLayerPlace(LayerPlace):
    """The rate or standard deviation of a layer.

    Random numbers are drawn where Keras draws them, from the layer's own generator: none where the
    number is 0. A layer that was made with 0 has no generator; its random numbers depend on the
    seed of the `HotSwap` and the step alone.

    Args:
        layer: the layer.
        path: its path.
        attribute: name of the attribute that has the number.
        disturb: computes what the layer does at a number.
        is_exact: whether constants are traced as they are, so that not even rounding differs from
            Keras; else all numbers are given to the same traced function.
    """

    def __init__(
        self, layer: keras.Layer, path: str, attribute: str, disturb: Disturb, is_exact: bool
    ) -> None:
        self._attribute = attribute
        self._disturb = disturb
        self._generator = getattr(layer, "seed_generator", None)
        self._has_generator = self._generator is not None
        self._is_exact = is_exact and self._has_generator
        if not self._has_generator:
            self._generator = keras.random.SeedGenerator(seed=0, name="hotswap_generator")
        self._plain = float(getattr(layer, attribute))
        super().__init__(layer, path, self.of_number(self._plain))

    def of_number(self, number: float) -> Choice:
        """Return the choice for a constant."""
        text = f"{float(number):.12g}"
        if self._is_exact:
            return Choice(text, float(number))
        return number_choice(text, float(number), draws=not self._has_generator and number > 0)

    def of_moving(self, text: str, number: Any, identity: int) -> Choice:
        """Return the choice for a number that moves."""
        return number_choice(text, number, identity, draws=not self._has_generator)

    @property
    def held(self) -> Choice:
        """What the attribute holds, also where it was set by hand."""
        number = getattr(self.layer, self._attribute)
        return self._held if number == self._plain else self.of_number(number)

    def put(self, choice: Choice, numbers: Sequence[float]) -> None:
        """Set the attribute."""
        super().put(choice, numbers)
        if self._has_generator:
            self._plain = numbers[0] if choice.numbers else choice.function
            keras_internals.set_quietly(self.layer, self._attribute, self._plain)

    def install(self, choices: Sequence[Choice], reading: Reading) -> None:
        """Let the layer disturb by any of some numbers for the time of a trace."""
        self._before = getattr(self.layer, self._attribute)
        if reading.index is None and not choices[0].numbers:
            keras_internals.set_quietly(self.layer, self._attribute, choices[0].function)
        else:
            keras_internals.set_quietly(self.layer, "call", self._call(choices, reading))

    def remove(self) -> None:
        """Give the layer its own call and number again."""
        keras_internals.remove_quietly(self.layer, "call")
        keras_internals.set_quietly(self.layer, self._attribute, self._before)

    def _call(self, choices: Sequence[Choice], reading: Reading) -> Callable[..., Any]:
        generator = self._generator

        def call(inputs: Any, training: bool = False) -> Any:
            if not training:
                return inputs
            numbers = [reading.numbers()[0] if c.numbers else c.function for c in choices]
            if self._has_generator:
                # A sum is what the state is at this moment; a tensor of it may be the variable.
                before = generator.state + 0
            else:
                before = _state(generator, reading, self.path)
            position = 0 if reading.index is None else reading.index()
            branches = [self._at(number, before) for number in numbers]
            if reading.index is None:
                result = branches[0](inputs)
            else:
                result = keras.ops.switch(position, branches, inputs)
            if self._has_generator:
                # As Keras does, go on to the next random numbers only where some were drawn.
                draws = keras.ops.stack([keras.ops.cast(n > 0, "bool") for n in numbers])
                generator.next()
                after = generator.state + 0
                is_drawn = keras.ops.take(draws, position)
                generator.state.assign(keras.ops.where(is_drawn, after, before))
            return with_shape(result, inputs.shape)

        return call

    def _at(self, number: Any, state: Any) -> Callable[[Any], Any]:
        """Return what the layer does at a number, with random numbers of a state."""
        generator = self._generator

        def disturbed(x: Any) -> Any:
            # Each number's mask is drawn from the same state, which a branch cannot change.
            with keras.StatelessScope(state_mapping=[(generator.state, state)]):
                return self._disturb(self.layer, x, number, generator)

        if isinstance(number, float):
            return disturbed if number > 0 else lambda x: x
        return lambda x: keras.ops.cond(number > 0, lambda: disturbed(x), lambda: x)


def _state(generator: Any, reading: Reading, path: str) -> Any:
    """Return a generator's state that depends on the step's key and the layer's path."""
    # A shift by at most 2^20 keeps it apart from the noise of the model's inputs.
    shift = keras.ops.convert_to_tensor([4096 + zlib.crc32(path.encode()) % 2**20, 0], "int32")
    return keras.ops.cast(reading.key() + shift, generator.state.dtype)


def drop(x: Any, rate: Any, noise_shape: Sequence[int | None] | None, generator: Any) -> Any:
    """Return what `keras.random.dropout` returns, also at a rate that is a tensor.

    The random numbers are the same, and compared in the same way.
    """
    if isinstance(rate, float):
        return keras.random.dropout(x, rate, noise_shape=noise_shape, seed=generator)
    is_tensorflow = keras.backend.backend() == "tensorflow"
    dtype = keras.backend.standardize_dtype(x.dtype if is_tensorflow else "float32")
    drawn = keras.random.uniform(concrete(noise_shape, x), dtype=dtype, seed=generator)
    is_kept = drawn >= keras.ops.cast(rate, dtype) if is_tensorflow else drawn < 1 - rate
    kept = x / keras.ops.cast(1 - rate, x.dtype)
    return keras.ops.where(is_kept, kept, keras.ops.zeros_like(kept))


def concrete(noise_shape: Sequence[int | None] | None, x: Any) -> Sequence[Any]:
    """Return a noise shape with the sizes of a tensor where it has none."""
    shape = keras.ops.shape(x)
    if noise_shape is None:
        return shape
    pairs = zip(noise_shape, shape, strict=True)
    return [own if size is None else size for size, own in pairs]
