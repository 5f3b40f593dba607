"""Labels and predictions as a loss asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.losses.catalogue import COLUMNS, SPARSE, Definition
from akp_keras.hotswap.losses.output import Output


@dataclass(frozen=True)
class Converted:
    """A loss that is given what its definition asks for.

    Attributes:
        output: what the model gives.
        definition: what the loss asks for.
        loss: the loss.
    """

    output: Output
    definition: Definition
    loss: keras.losses.Loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the loss of the converted labels and predictions."""
        y_true, y_pred = convert(y_true, y_pred, self.output, self.definition)
        return self.loss(y_true, y_pred, sample_weight)


def convert(y_true: Any, y_pred: Any, output: Output, definition: Definition) -> tuple[Any, Any]:
    """Return labels and predictions as a loss asks for them.

    Args:
        y_true: labels. For a binary output (batch, …, columns) or (batch, …) with values in
            {0, 1} (or between) or in {-1, 1}; for a categorical one, one column a class, or class
            numbers (batch, …) or (batch, …, 1).
        y_pred: (batch, …, columns), the model's output.
        output: what the model's output is.
        definition: what the loss asks for.

    Returns:
        The labels and the predictions.
    """
    dtype = keras.backend.floatx()
    if output.kind == "binary":
        labels = keras.ops.maximum(keras.ops.cast(y_true, dtype), 0)
        if len(labels.shape) == len(y_pred.shape) - 1:
            labels = keras.ops.expand_dims(labels, -1)
        if definition.form != COLUMNS:
            labels = (
                keras.ops.squeeze(labels, -1)
                if definition.form == SPARSE
                else keras.ops.concatenate([1 - labels, labels], axis=-1)
            )
    else:
        labels = _class_columns(y_true, y_pred, definition)
    if definition.signed:
        labels = 2 * labels - 1

    two_columns = output.kind == "binary" and definition.form != COLUMNS
    if definition.logits:
        scores = keras.ops.cast(_logits(y_pred, output), dtype)
        if two_columns:
            scores = keras.ops.concatenate([-scores / 2, scores / 2], axis=-1)
        return labels, keras_internals.copy_mask(y_pred, scores)
    if two_columns:
        scores = keras.ops.cast(_logits(y_pred, output), dtype)
        # The softmax of ∓z/2 is the sigmoid of ∓z, and Keras finds its logits again.
        pair = keras.ops.concatenate([-scores / 2, scores / 2], axis=-1)
        return labels, keras_internals.copy_mask(y_pred, keras.activations.softmax(pair))
    if output.logits:
        squash = keras.activations.sigmoid if output.kind == "binary" else keras.activations.softmax
        probabilities = squash(keras.ops.cast(y_pred, dtype))
    else:
        probabilities = y_pred
    if output.kind == "categorical" and definition.form == COLUMNS:
        # Keras would take the noted logits of the softmax for those of a sigmoid.
        probabilities = keras.ops.multiply(probabilities, 1)
    return labels, keras_internals.copy_mask(y_pred, probabilities)


def _class_columns(y_true: Any, y_pred: Any, definition: Definition) -> Any:
    classes = y_pred.shape[-1]
    is_sparse = len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and classes > 1)
    if not is_sparse:
        if definition.form == SPARSE:
            return keras.ops.argmax(y_true, axis=-1)
        return keras.ops.cast(y_true, keras.backend.floatx())
    if len(y_true.shape) == len(y_pred.shape):
        y_true = keras.ops.squeeze(y_true, -1)
    if definition.form == SPARSE:
        return y_true
    return keras.ops.one_hot(keras.ops.cast(y_true, "int32"), classes, dtype=keras.backend.floatx())


def _logits(y_pred: Any, output: Output) -> Any:
    if output.logits:
        return y_pred
    noted = keras_internals.logits_of(y_pred)
    if noted is not None:
        return noted
    epsilon = keras.backend.epsilon()
    p = keras.ops.clip(keras.ops.cast(y_pred, keras.backend.floatx()), epsilon, 1 - epsilon)
    if output.kind == "binary":
        return keras.ops.log(p) - keras.ops.log1p(-p)
    # Log-probabilities are logits up to a constant; centred, some are positive, as scores are.
    log_p = keras.ops.log(p)
    return log_p - keras.ops.mean(log_p, axis=-1, keepdims=True)
