"""Functions that are traced once for all the layers that call them.

A switch between three functions takes longer to trace than the layer it is in. Layers that can hold
the same functions call one traced function instead.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import keras


class SharedFunctions:
    """Traced functions by what they compute, for one trace of a model."""

    def __init__(self) -> None:
        self._functions: dict[Hashable, Callable[..., Any]] = {}

    def call(self, key: Hashable, function: Callable[..., Any], x: Any, *scalars: Any) -> Any:
        """Call a function that is the same for all callers of one key.

        Args:
            key: tells functions apart.
            function: of a tensor and scalars, without weights; it keeps the tensor's shape.
            x: the tensor.
            scalars: scalar tensors.

        Returns:
            What the function returns.
        """
        backend = keras.backend.backend()
        if backend == "tensorflow":
            return self._call_tensorflow(key, function, x, scalars)
        if backend == "jax":
            return self._call_jax(key, function, x, scalars)
        return function(x, *scalars)

    def _call_tensorflow(
        self, key: Hashable, function: Callable[..., Any], x: Any, scalars: tuple[Any, ...]
    ) -> Any:
        import tensorflow as tf

        if x.shape.rank is None:
            return function(x, *scalars)
        scalars = [tf.convert_to_tensor(scalar) for scalar in scalars]
        key = (key, x.shape.rank, x.dtype)
        if key not in self._functions:
            # Of no size, so that layers of all sizes share it. TensorFlow puts a copy of it in the
            # place of each call; with `_noinline` it would not, and each step would take longer.
            signature = [tf.TensorSpec([None] * x.shape.rank, x.dtype)]
            signature += [tf.TensorSpec([], scalar.dtype) for scalar in scalars]
            self._functions[key] = tf.function(function, signature, autograph=False)
        return self._functions[key](x, *scalars)

    def _call_jax(
        self, key: Hashable, function: Callable[..., Any], x: Any, scalars: tuple[Any, ...]
    ) -> Any:
        import jax

        if key not in self._functions:
            self._functions[key] = jax.jit(function)
        return self._functions[key](x, *scalars)
