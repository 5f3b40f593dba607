"""A small problem, and models for it."""

import keras
import numpy as np
import pytest


@pytest.fixture(scope="session")
def problem():
    """96 images of 8 x 8 with 12 steps an epoch at batch size 8, and labels 0 and 1."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 8, 8, 2)).astype("float32")
    y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")[:, None]
    return x, y


@pytest.fixture(scope="session")
def make_model():
    """A function that builds the same compiled model each time it is called."""

    def make(seed=0, dropout=0.0, optimizer="adam", loss="binary_crossentropy", **options):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [
                keras.Input((8, 8, 2)),
                keras.layers.Conv2D(4, 3, activation="relu", name="conv"),
                keras.layers.ReLU(name="rectifier"),
                keras.layers.Flatten(name="flatten"),
                keras.layers.Dropout(dropout, name="dropout"),
                keras.layers.Dense(8, activation="relu", name="dense"),
                keras.layers.Dense(1, name="logits"),
                keras.layers.Activation("sigmoid", name="probabilities"),
            ],
            name="small",
        )
        options.setdefault("metrics", ["accuracy"])
        model.compile(optimizer, loss=loss, **options)
        return model

    return make


@pytest.fixture
def fit(problem):
    """A function that fits a model with callbacks and gives the history."""
    x, y = problem

    def run(model, *callbacks, epochs=3, **options):
        options = {"batch_size": 8, "verbose": 0, "validation_data": (x[:40], y[:40])} | options
        return model.fit(x, y, epochs=epochs, callbacks=list(callbacks), **options).history

    return run


def flat_weights(model):
    return np.concatenate([np.ravel(value) for value in model.get_weights()])
