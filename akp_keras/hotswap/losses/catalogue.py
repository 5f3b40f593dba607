"""What the losses of Keras ask for."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import keras

from akp_keras.hotswap import keras_internals
from akp_keras.hotswap.names import find_loss

# What a loss compares: each column for itself, a distribution over classes (one column a class),
# or a distribution with class numbers as labels.
COLUMNS, DISTRIBUTION, SPARSE = "columns", "distribution", "sparse"


@dataclass(frozen=True)
class Definition:
    """What a loss of Keras asks for.

    Attributes:
        form: `columns`, `distribution` or `sparse`.
        logits: whether predictions are unbounded scores; else they are probabilities.
        signed: whether labels are in {-1, 1}; else in {0, 1}.
        is_for_classes: whether it makes sense for classifiers only.
    """

    form: str
    logits: bool = False
    signed: bool = False
    is_for_classes: bool = False


_DEFINITIONS = {
    "binary_crossentropy": Definition(COLUMNS, is_for_classes=True),
    "binary_focal_crossentropy": Definition(COLUMNS, is_for_classes=True),
    "categorical_crossentropy": Definition(DISTRIBUTION, is_for_classes=True),
    "categorical_focal_crossentropy": Definition(DISTRIBUTION, is_for_classes=True),
    "sparse_categorical_crossentropy": Definition(SPARSE, is_for_classes=True),
    "categorical_generalized_cross_entropy": Definition(SPARSE, is_for_classes=True),
    "hinge": Definition(COLUMNS, logits=True, signed=True, is_for_classes=True),
    "squared_hinge": Definition(COLUMNS, logits=True, signed=True, is_for_classes=True),
    "categorical_hinge": Definition(DISTRIBUTION, logits=True, is_for_classes=True),
    "kl_divergence": Definition(DISTRIBUTION),
    "cosine_similarity": Definition(DISTRIBUTION),
    "poisson": Definition(COLUMNS),
    "mean_squared_error": Definition(COLUMNS),
    "mean_absolute_error": Definition(COLUMNS),
    "mean_absolute_percentage_error": Definition(COLUMNS),
    "mean_squared_logarithmic_error": Definition(COLUMNS),
    "huber": Definition(COLUMNS),
    "log_cosh": Definition(COLUMNS),
    "dice": Definition(COLUMNS),
    "tversky": Definition(COLUMNS),
}
# They compare embeddings, or sequences of labels.
_NO_COMPARISON_OF_CLASSES = ("circle", "ctc")


@dataclass(frozen=True)
class Described:
    """A loss, and what is known of it.

    Attributes:
        text: its name, with its options in parentheses where they are not the usual ones.
        loss: the loss object; None for `crossentropy`, which Keras resolves at the first step.
        declared: what to give `compile` for it: a name, or a loss object.
        function_name: name of the function of Keras inside it; None for a custom loss.
        definition: what it asks for; None for a custom loss.
        identity: tells losses of the same text apart; 0 where the text says all.
    """

    text: str
    loss: keras.losses.Loss | None
    declared: Any
    function_name: str | None
    definition: Definition | None
    identity: int

    @property
    def compares_classes(self) -> bool:
        """Whether predictions and labels are values or classes, as of any loss but a few."""
        return self.function_name not in _NO_COMPARISON_OF_CLASSES


def describe(identifier: Any, declared: Any = None) -> Described:
    """Return what is known of a loss.

    Args:
        identifier: a name, a function or a loss object.
        declared: what to give `compile` for it, if that is known.

    Raises:
        ValueError: if there is no such loss.
    """
    if str(identifier).lower() in ("crossentropy", "ce"):
        return Described("crossentropy", None, identifier, None, None, 0)
    resolved = loss = find_loss(identifier)
    if not isinstance(loss, keras.losses.Loss):
        name = getattr(loss, "__name__", type(loss).__name__)
        loss = keras_internals.wrap_loss(loss, name)
    function = keras_internals.loss_function(loss)
    name = getattr(function, "__name__", None)
    if name is None or getattr(keras.losses, name, None) is not function:
        name = None
    options = unusual_options(loss) if name else {}
    text = name or loss.name
    if options:
        inside = ",".join(f"{key}={value}" for key, value in options.items())
        text = f"{type(loss).__name__}({inside})"
    definition = _DEFINITIONS.get(name)
    if definition is not None and options.get("from_logits", False):
        definition = Definition(definition.form, True, definition.signed, definition.is_for_classes)
    if declared is None or isinstance(declared, str):
        declared = loss if options else text
    is_known = definition is not None or name in _NO_COMPARISON_OF_CLASSES
    return Described(
        text, loss, declared, name if is_known else None, definition, 0 if name else id(resolved)
    )


def unusual_options(loss: keras.losses.Loss) -> dict[str, Any]:
    """Return the options of a loss that are not the default ones."""
    parameters = inspect.signature(type(loss).__init__).parameters
    return {
        key: value
        # The config of some losses lacks their options, such as Huber's delta.
        for key, value in {**keras_internals.loss_options(loss), **loss.get_config()}.items()
        if key in parameters and key not in ("name", "fn") and value != parameters[key].default
    }
