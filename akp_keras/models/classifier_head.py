"""The last two layers of all models."""

from __future__ import annotations

import keras


def classifier_head(features: keras.KerasTensor, classes: int) -> keras.KerasTensor:
    """Add the layers `logits` and `probabilities`.

    Args:
        features: (batch, d) output of the last hidden layer.
        classes: number of classes, at least 2.

    Returns:
        (batch, 1) probability of class 1 for two classes, otherwise (batch, classes).
    """
    binary = classes == 2
    logits = keras.layers.Dense(1 if binary else classes, name="logits")(features)
    return keras.layers.Activation("sigmoid" if binary else "softmax", name="probabilities")(logits)
