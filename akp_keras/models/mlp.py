"""Three dense layers, for measurements and small images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

TAPS = ("dense1", "dense2", "dense3")

_UNITS = (64, 64, 32)


def build(
    *, input_shape: tuple[int, ...], classes: int, mean: np.ndarray, variance: np.ndarray
) -> keras.Model:
    """Build the model; arguments and result as in `akp_keras.models.build_model`."""
    # Imported here, so that the names of the taps are available without Keras.
    import keras

    from akp_keras.models.classifier_head import classifier_head

    inputs = keras.Input(input_shape, name="inputs")
    x = keras.layers.Normalization(mean=mean, variance=variance, name="scaling")(inputs)
    if len(input_shape) > 1:
        x = keras.layers.Flatten(name="flatten")(x)
    for number, units in enumerate(_UNITS, start=1):
        x = keras.layers.Dense(units, activation="relu", name=f"dense{number}")(x)
    return keras.Model(inputs, classifier_head(x, classes), name="mlp")
