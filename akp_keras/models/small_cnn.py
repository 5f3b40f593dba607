"""Three convolution blocks and a dense layer, for small images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

TAPS = ("block1", "block2", "block3", "dense")

_FILTERS = (16, 32, 32)
_DENSE_UNITS = 64


def build(
    *, input_shape: tuple[int, ...], classes: int, mean: np.ndarray, variance: np.ndarray
) -> keras.Model:
    """Build the model; arguments and result as in `akp_keras.models.build_model`."""
    # Imported here, so that the names of the taps are available without Keras.
    import keras

    from akp_keras.models.classifier_head import classifier_head

    if len(input_shape) != 3 or min(input_shape[:2]) < 8:
        raise ValueError(
            f"model 'small_cnn' takes images of at least 8 x 8 pixels, not samples of shape "
            f"{tuple(input_shape)}; model 'mlp' takes any"
        )
    images = keras.Input(input_shape, name="inputs")
    x = keras.layers.Normalization(mean=mean, variance=variance, name="scaling")(images)
    for number, filters in enumerate(_FILTERS, start=1):
        x = keras.layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"block{number}_conv"
        )(x)
        x = keras.layers.MaxPooling2D(name=f"block{number}")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(_DENSE_UNITS, activation="relu", name="dense")(x)
    return keras.Model(images, classifier_head(x, classes), name="small_cnn")
