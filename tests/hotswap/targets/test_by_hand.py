"""Each target does what the same changes by hand do, in a model that computes eagerly."""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import HotSwap

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3, 4)).astype("float32")
Y = X.sum(axis=(1, 2))[:, None].astype("float32")
EPOCHS = 4


@keras.saving.register_keras_serializable("tests")
class AddsLoss(layers.Layer):
    """Adds the mean square of what it is given, by a factor."""

    factor = 1.0

    def call(self, x):
        self.add_loss(self.factor * keras.ops.mean(keras.ops.square(x)))
        return x


def build(**options):
    """A model with something of every kind."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3, 4))
    x = layers.SpatialDropout1D(0.25, name="maps")(inputs)
    x = layers.LSTM(3, dropout=0.25, recurrent_dropout=0.25, name="memory")(x)
    x = layers.Dense(4, activation="relu", kernel_regularizer="l2", name="hidden")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dropout(0.25, name="drop")(x)
    x = layers.GaussianDropout(0.25, name="gauss")(x)
    x = layers.AlphaDropout(0.25, name="alpha")(x)
    x = layers.GaussianNoise(0.25, name="noisy")(x)
    x = AddsLoss(name="adds")(x)
    model = keras.Model(inputs, layers.Dense(1, name="out")(x))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.5), loss="mse", **options)
    return model


def rates(layer, attribute, numbers):
    """Sets a number of a layer by hand."""

    def change(model, epoch):
        owner = model.get_layer(layer)
        setattr(getattr(owner, "cell", owner), attribute, numbers[epoch])

    return change


def blended(model, epoch):
    weight = min(epoch / 2, 1.0)
    relu, tanh = keras.activations.relu, keras.activations.tanh
    model.get_layer("hidden").activation = lambda x: (1 - weight) * relu(x) + weight * tanh(x)


def leaking(model, epoch):
    if epoch:
        slope = 0.4 if epoch == 1 else 0.2 if epoch == 2 else 0.0
        model.get_layer("hidden").activation = layers.LeakyReLU(negative_slope=slope)


def gated(model, epoch):
    if epoch:
        model.get_layer("memory").cell.recurrent_activation = keras.activations.hard_sigmoid


def weighed(model, epoch):
    weight = [1.0, 1.0, 0.5, 0.0][epoch]
    model.compile(model.optimizer, loss="mse", loss_weights=[weight], run_eagerly=True)


def penalised(model, epoch):
    model.get_layer("hidden").kernel.regularizer = keras.regularizers.L2([1e-2, 1.0, 0.5, 0][epoch])


def added(model, epoch):
    model.get_layer("adds").factor = [1.0, 0.1, 0.1, 10.0][epoch]


def learning(model, epoch):
    model.optimizer.learning_rate = [0.05, 0.1, 0.06, 0.02][epoch]


def frozen(model, epoch):
    for name in ("hidden", "norm"):
        model.get_layer(name).trainable = epoch not in (1, 2)


FIRST = {}


def optimized(model, epoch):
    if epoch == 1:
        FIRST[model.name] = model.optimizer
        model.compile(keras.optimizers.Adam(0.01), loss="mse", run_eagerly=True)
    elif epoch == 3:
        model.compile(FIRST[model.name], loss="mse", run_eagerly=True)


CASES = {
    "@1 dropout[maps]=linear(0.6→0 over 2 epochs)": rates("maps", "rate", [0.25, 0.6, 0.3, 0.0]),
    "@1 dropout[drop]=cosine(0.6->0.2 over 2 epochs)": rates("drop", "rate", [0.25, 0.6, 0.4, 0.2]),
    "@1 dropout[gauss]=0.5; @2 dropout[gauss]=0": rates("gauss", "rate", [0.25, 0.5, 0.0, 0.0]),
    "@1 dropout[alpha]=0.5; @3 dropout[alpha]=original": rates(
        "alpha", "rate", [0.25, 0.5, 0.5, 0.25]
    ),
    "@1 dropout[memory]=0.5; @2 dropout[memory]=0": rates("memory", "dropout", [0.25, 0.5, 0, 0]),
    "@1 recurrent_dropout=linear(0.5→0.1 over 2 epochs)": rates(
        "memory", "recurrent_dropout", [0.25, 0.5, 0.3, 0.1]
    ),
    "@1 noise=exponential(1→0.25 over 2 epochs)": rates("noisy", "stddev", [0.25, 1, 0.5, 0.25]),
    "@1 momentum[norm]=0.5; @2 momentum=linear(0→0.5 over 1 epoch)": rates(
        "norm", "momentum", [0.99, 0.5, 0.0, 0.5]
    ),
    "@0 activation[hidden]=blend(relu, tanh, linear(0→1 over 2 epochs))": blended,
    "@1 activation[hidden]=LeakyReLU(negative_slope=linear(0.4→0 over 2 epochs))": leaking,
    "@1 recurrent_activation=hard_sigmoid": gated,
    "@1 loss_weights=linear(1→0 over 2 epochs)": weighed,
    "@1 regularizer=exponential(100→25 over 2 epochs); @2 regularizer[hidden]=50; "
    "@3 regularizer=0": penalised,
    "@1 add_loss=0.1; @3 add_loss[adds]=10": added,
    "@1 optimizer.learning_rate=linear(0.1→0.02 over 2 epochs)": learning,
    "@1 trainable[hidden|norm]=false; @3 trainable=true": frozen,
    "@1 optimizer=Adam(learning_rate=0.01); @3 optimizer=original": optimized,
}


@pytest.mark.parametrize("schedule", CASES)
def test_a_target_does_what_is_done_by_hand(schedule):
    reference, losses = build(run_eagerly=True), []
    for epoch in range(EPOCHS):
        CASES[schedule](reference, epoch)
        options = {"batch_size": 4, "shuffle": False, "verbose": 0, "validation_data": (X, Y)}
        losses.append(reference.fit(X, Y, **options).history)
    for strategy, spe in (("switch", 3), ("retrace", 1)):
        model, swap = build(steps_per_execution=spe), HotSwap(schedule, strategy=strategy)
        history = model.fit(X, Y, epochs=EPOCHS, callbacks=[swap], **options).history
        for mine, other in zip(model.get_weights(), reference.get_weights(), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=2e-5, err_msg=strategy)
        for name, values in history.items():
            expected = [loss[name][0] for loss in losses]
            np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-6, err_msg=name)
        assert swap.swaps[0].to != swap.swaps[0].from_
