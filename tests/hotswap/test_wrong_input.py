"""What is wrong is said in one line before the first step."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap


class NoStep(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        raise AssertionError("a step began")


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        ("@1 activation[convv]=tanh", {}, "matches no layer.*did you mean 'conv'"),
        ("@1 activation=tanh", {"layers": "no.*"}, "finds no layer"),
        ("@3 activation=tanh", {}, "after the end of training; fit has 3 epochs, 0 to 2"),
        ("@step:36 activation=tanh", {}, "fit has 36 steps"),
        ("@1 activation=glu", {}, "turns shape"),
        ("@1 loss=circle", {}, "compares no classes"),
        ("@1 loss[head]=hinge", {}, "matches no output"),
    ],
)
def test_in_fit(make_model, fit, schedule, options, message):
    model = make_model()
    with pytest.raises(ValueError, match=message) as caught:
        fit(model, HotSwap(schedule, **options), NoStep())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"schedule": "@0 activation=reluu"}, "did you mean 'relu'"),
        ({"schedule": "@0 loss=higne"}, "did you mean 'hinge'"),
        ({"schedule": "@0 labels=random(1.0)"}, r"schedule.without\('labels'\)"),
        ({"schedule": "@0 loss=hinge", "strategy": "swich"}, "did you mean 'switch'"),
        ({"schedule": "@0 loss=hinge", "layers": "("}, "no regular expression"),
        ({"schedule": "@0 loss=hinge", "layers": [3]}, "must be names"),
        ({"schedule": "@0 loss=hinge", "candidates": ["tahn"]}, "is no schedule, activation"),
        ({"schedule": 3}, "a schedule must be text"),
    ],
)
def test_in_the_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        HotSwap(**arguments)


def test_a_model_that_is_not_built():
    if keras.backend.backend() == "jax":
        pytest.skip("on JAX, fit builds the model before any callback")
    model = keras.Sequential([keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"build 'sequential.*' before fit"):
        model.fit(
            np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[HotSwap("@0 activation=elu")]
        )
