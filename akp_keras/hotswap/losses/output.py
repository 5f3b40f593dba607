"""What is known of a model's outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.losses.catalogue import COLUMNS, Definition, Described


@dataclass(frozen=True)
class Output:
    """What is known of one output of a model.

    Attributes:
        name: its name; empty where there is one output only.
        columns: size of the last axis; None if unknown.
        kind: `binary` (each column for itself), `categorical` or `other` (no classifier).
        logits: whether the model returns logits; else probabilities.
        labels: the form of the labels, as the compiled loss asks for them: `columns`,
            `distribution` or `sparse`; empty where that loss does not tell.
        shape: of one sample, with 3 in place of an unknown size; empty if unknown.
    """

    name: str
    columns: int | None
    kind: str
    logits: bool
    labels: str = ""
    shape: tuple[int, ...] = ()


def describe_output(name: str, tensor: keras.KerasTensor | None, compiled: Described) -> Output:
    """Return what the last layer and the compiled loss tell of an output.

    Args:
        name: of the output; empty where there is one only.
        tensor: the symbolic output; None if it is not known.
        compiled: the loss that the model was compiled with.
    """
    head = _head(tensor)
    columns = None if tensor is None or not tensor.shape else tensor.shape[-1]
    definition = compiled.definition
    if definition is not None and not definition.is_for_classes:
        definition = None
    if head == "sigmoid":
        kind = "binary"
    elif head == "softmax":
        kind = "categorical"
    elif definition is not None:
        kind = "binary" if definition.form == COLUMNS else "categorical"
    elif compiled.text == "crossentropy" and columns is not None:
        kind = "binary" if columns == 1 else "categorical"
    else:
        kind = "other"
    if head in ("sigmoid", "softmax"):
        logits = False
    elif head == "unknown":
        logits = definition is not None and definition.logits
    else:
        logits = True
    shape = () if tensor is None else tuple(size or 3 for size in tensor.shape[1:])
    return Output(name, columns, kind, logits, definition.form if definition else "", shape)


def check_fits(output: Output, definition: Definition, text: str) -> None:
    """Refuse a loss that an output cannot be converted for.

    Raises:
        ValueError: with the reason.
    """
    place = f" of output {output.name!r}" if output.name else ""
    if output.kind == "other" and definition.form != COLUMNS and output.columns == 1:
        raise ValueError(f"loss {text!r} compares several columns; the output{place} has one")
    if output.kind == "other" and definition.is_for_classes:
        raise ValueError(
            f"loss {text!r} is for classes; the output{place} gives neither probabilities nor "
            f"logits of classes (end the model with sigmoid or softmax, or compile it with a "
            f"crossentropy or hinge loss)"
        )
    if output.kind == "binary" and definition.form != COLUMNS and (output.columns or 1) > 1:
        raise ValueError(
            f"loss {text!r} is for classes that exclude each other; the output{place} has "
            f"{output.columns} columns that do not; take binary_crossentropy or hinge"
        )


def _head(tensor: Any) -> str:
    """Return what the last layer does: `sigmoid`, `softmax`, another name, or `unknown`."""
    if tensor is None:
        return "unknown"
    operation = keras_internals.producer(tensor)
    while isinstance(operation, (keras.layers.Reshape, keras.layers.Flatten)):
        before = keras_internals.producers(operation)
        if len(before) != 1:
            return "unknown"
        (operation,) = before
    if isinstance(operation, keras.Model):
        return _head(operation.outputs[0]) if len(operation.outputs) == 1 else "unknown"
    if isinstance(operation, keras.layers.Softmax):
        return "softmax"
    activation = getattr(operation, "activation", None)
    name = getattr(activation, "__name__", None)
    if name == "linear" and isinstance(operation, keras.layers.Activation):
        before = keras_internals.producers(operation)
        return _head(before[0].output) if len(before) == 1 else "unknown"
    return name or type(operation).__name__.lower()
