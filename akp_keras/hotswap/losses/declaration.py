"""What a saved model is compiled with, so that the loaded one computes the loss in force."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap.losses.catalogue import SPARSE, Described, describe, unusual_options
from akp_keras.hotswap.losses.conversion import Converted
from akp_keras.hotswap.losses.output import Output
from akp_keras.hotswap.names import find_loss_class


def equal_without_conversion(output: Output, described: Described, converted: Converted) -> Any:
    """Return a loss of Keras that computes without conversion what another computes with it.

    Both are computed on a sample.

    Args:
        output: what the model returns.
        described: the loss.
        converted: the loss with conversion.

    Returns:
        What to give `compile`; None if there is none, or the form of the labels is not known.
    """
    if not output.labels:
        return None
    y_true, y_pred = _sample(output)
    expected = _value(converted, y_true, y_pred)
    for candidate in _candidates(described):
        if not isinstance(candidate, str) and not is_saved_whole(candidate):
            continue
        try:
            value = _value(describe(candidate).loss, y_true, y_pred)
        except Exception:  # a loss may raise anything on labels that are not for it
            continue
        if np.allclose(value, expected, rtol=1e-3):
            return candidate
    return None


def is_saved_whole(loss: Any) -> bool:
    """Return whether a loss comes back from its config; Huber's lacks its delta."""
    if not isinstance(loss, keras.losses.Loss):
        return True
    return unusual_options(type(loss).from_config(loss.get_config())) == unusual_options(loss)


def _sample(output: Output) -> tuple[Any, Any]:
    generator = np.random.default_rng(0)
    columns = output.columns or 3
    y_pred = keras.ops.convert_to_tensor(3 * generator.normal(size=(8, columns)), dtype="float32")
    if not output.logits:
        is_binary = output.kind == "binary"
        y_pred = (keras.activations.sigmoid if is_binary else keras.activations.softmax)(y_pred)
    if output.kind == "binary":
        y_true = generator.integers(0, 2, size=(8, columns))
    else:
        y_true = generator.integers(0, columns, size=8)
        if output.labels != SPARSE:
            y_true = np.eye(columns)[y_true]
    return keras.ops.convert_to_tensor(y_true, dtype="float32"), y_pred


def _value(loss: Any, y_true: Any, y_pred: Any) -> float:
    with warnings.catch_warnings():
        # Keras warns of losses that are not for these labels, which is what is asked here.
        warnings.simplefilter("ignore")
        return float(keras.ops.convert_to_numpy(loss(y_true, y_pred)))


def _candidates(described: Described) -> Iterator[Any]:
    yield described.declared
    classes = [find_loss_class(described.function_name)]
    if described.function_name in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        classes += [
            keras.losses.BinaryCrossentropy,
            keras.losses.CategoricalCrossentropy,
            keras.losses.SparseCategoricalCrossentropy,
        ]
    options = unusual_options(described.loss)
    for cls in filter(None, classes):
        parameters = inspect.signature(cls).parameters
        for from_logits in (False, True):
            wanted = {**options, "from_logits": from_logits}
            if parameters.keys() >= wanted.keys():
                yield cls(**wanted)
