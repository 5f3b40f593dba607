"""Models without layers are built for the data of the first step; calls in code are named."""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import HotSwap

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = X[:, :1]


def sequential():
    return keras.Sequential(
        [layers.Dense(4, activation="relu", name="hidden"), layers.Dropout(0.2), layers.Dense(1)]
    )


class Block(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(4, activation="relu", name="hidden")
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))


@pytest.mark.parametrize(
    ("build", "options"),
    [(sequential, {}), (Block, {"steps_per_execution": 2}), (Block, {"run_eagerly": True})],
)
def test_it_trains_as_a_model_that_was_built(build, options):
    """And as Keras does without a HotSwap, as long as nothing is swapped."""
    weights = {}
    for way in ("plain", "unbuilt", "built"):
        keras.utils.set_random_seed(0)
        model = build()
        if way == "built":
            model.build((None, 4))
        model.compile("adam", "mse", **options)
        swap = HotSwap("@0 activation=original; @step:4 activation=tanh")
        epochs = 1 if way == "plain" else 2
        callbacks = [] if way == "plain" else [swap]
        after_first = []
        look = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs, model=model, kept=after_first: kept.append(
                [np.array(value) for value in model.get_weights()]
            )
        )
        options_of_fit = {"batch_size": 4, "epochs": epochs, "shuffle": False, "verbose": 0}
        model.fit(X, Y, callbacks=[*callbacks, look], **options_of_fit)
        weights[way] = after_first
        if way != "plain":
            assert [(r.step, r.to, r.layers) for r in swap.swaps] == [
                (0, "relu", ("hidden",)),
                (4, "tanh", ("hidden",)),
            ]
    for first, other in (("plain", "unbuilt"), ("built", "unbuilt")):
        for mine, theirs in zip(weights[first][0], weights[other][0], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(weights["built"][1], weights["unbuilt"][1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_what_does_not_fit_is_refused_before_the_first_step():
    model = sequential()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="did you mean 'hidden'"):
        model.fit(X, Y, verbose=0, callbacks=[HotSwap("@0 activation[hiden]=tanh")])
    model = sequential()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="has no layers yet; build it by an Input"):
        HotSwap("@0 activation=tanh").check(model)


class CallsInside(keras.layers.Layer):
    def call(self, x):
        return keras.ops.relu(x) + keras.activations.gelu(x)


def test_activations_that_are_calls_are_named():
    inputs = keras.Input((4,))
    x = layers.Dense(4, activation="relu", name="hidden")(inputs)
    x = keras.ops.silu(CallsInside(name="block")(x))
    x = layers.Lambda(keras.activations.elu, name="function")(x)
    model = keras.Model(inputs, layers.Dense(1)(x), name="whole")
    model.compile("sgd", "mse")
    message = (
        "activation=tanh leaves alone .*: silu as an operation of model 'whole'; gelu in the code "
        "of 'block'; relu in the code of 'block'; elu in the code of 'function'; make it a layer"
    )
    with pytest.warns(UserWarning, match=message):
        HotSwap("@0 activation=tanh").check(model)
    without = keras.Model(inputs, CallsInside(name="block")(inputs))
    without.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"finds no layer .* \(no layer's own: gelu in the code"):
        HotSwap("@0 activation=tanh").check(without)
