"""Losses are tried before training comes to them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from akp_keras.hotswap.losses.output import Output

Loss = Callable[[Any, Any, Any], Any]


def check_computable(output: Output, text: str, loss: Loss) -> None:
    """Try a loss on two samples of an output, with labels of every usual form.

    Raises:
        ValueError: if it fails, or does not return one number, whatever the labels.
    """
    reason = ""
    for y_true, y_pred in _samples(output):
        try:
            try_loss(text, loss, y_true, y_pred, None)
        except ValueError as error:
            reason = reason or str(error)
        else:
            return
    raise ValueError(reason)


def try_loss(text: str, loss: Loss, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
    """Compute a loss and drops the result.

    Raises:
        ValueError: if it fails, or does not return one number.
    """
    try:
        with warnings.catch_warnings():
            # Keras warns of labels that are not for the loss, which is what is asked here.
            warnings.simplefilter("ignore")
            shape = tuple(loss(y_true, y_pred, sample_weight).shape)
    except Exception as error:  # a loss may raise anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    else:
        if shape == ():
            return
        reason = f"it gives shape {shape} where one number is due"
    shapes = [_shapes(each) for each in (y_true, y_pred)]
    raise ValueError(
        f"loss {text!r} fails on labels of shape {shapes[0]} and outputs of shape {shapes[1]}: "
        f"{reason}"
    )


def _shapes(tensors: Any) -> Any:
    return keras.tree.map_structure(lambda tensor: tuple(tensor.shape), tensors)


def _samples(output: Output) -> Iterator[tuple[Any, Any]]:
    """Return labels and outputs of two samples: columns, a column per class, class numbers."""
    columns = output.columns or 2
    # Where the rank is not known, that of a sequence or an image is tried too.
    shapes = [output.shape] if output.shape else [(columns,), (3, columns), (3, 3, columns)]
    for shape in shapes:
        y_pred = keras.ops.full((2, *shape), 1 / columns)
        labels = np.zeros((2, *shape), "float32")
        labels[..., 0] = 1
        for y_true in (labels, labels[..., 0], labels[..., :1]):
            yield keras.ops.convert_to_tensor(y_true), y_pred
