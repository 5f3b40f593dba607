"""A small problem, and models for it."""

import keras
import numpy as np
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skips what Keras cannot do on a backend, without HotSwap as well."""
    try:
        return (yield)
    except ValueError as error:
        if "`steps_per_execution` must be 1 with the PyTorch backend" in str(error):
            pytest.skip("Keras takes no steps_per_execution on PyTorch")
        raise


@pytest.fixture(scope="session")
def problem():
    """24 samples of 4 numbers with 12 steps an epoch at batch size 2, and labels 0 and 1."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 4)).astype("float32")
    y = (x.mean(axis=1) > 0).astype("float32")[:, None]
    return x, y


@pytest.fixture(scope="session")
def make_model():
    """A function that builds the same compiled model each time it is called."""

    def make(seed=0, dropout=0.0, optimizer="sgd", loss="binary_crossentropy", **options):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(6, activation="relu", name="first"),
                keras.layers.ReLU(name="rectifier"),
                keras.layers.Dropout(dropout, name="dropout"),
                keras.layers.Dense(6, activation="relu", name="second"),
                keras.layers.Dense(1, name="logits"),
                keras.layers.Activation("sigmoid", name="probabilities"),
            ],
            name="small",
        )
        if optimizer == "sgd":
            optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
        model.compile(optimizer, loss=loss, **options)
        return model

    return make


@pytest.fixture(scope="session")
def fit(problem):
    """A function that fits a model with callbacks and returns the history."""
    x, y = problem

    def run(model, *callbacks, epochs=3, is_validated=False, **options):
        options = {"batch_size": 2, "verbose": 0} | options
        if is_validated:
            options["validation_data"] = (x[:10], y[:10])
        return model.fit(x, y, epochs=epochs, callbacks=list(callbacks), **options).history

    return run


def flat_weights(model):
    """All weights of a model in one array."""
    return np.concatenate([np.ravel(value) for value in model.get_weights()])
