"""What users asked for in public threads, done with HotSwap; one test a thread.

The models and data are as small as the threads allow. Where a user set loss weights or `trainable`
in a callback and compiled again, the loss itself is swapped here, or the gradient is stopped.
"""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")
THREADS = {}


def thread(name):
    """Notes which thread a test is for."""

    def note(test):
        THREADS[name] = test
        return test

    return note


def classifier(optimizer="sgd", loss="binary_crossentropy"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", name="features"),
            layers.Dense(1, activation="sigmoid", name="predictions"),
        ]
    )
    model.compile(optimizer, loss=loss)
    return model


def two_outputs(loss):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu", name="features")(inputs)
    outputs = [layers.Dense(1, name=name)(hidden) for name in ("a", "b")]
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.01), loss=loss)
    return model


def fit(model, *callbacks, epochs, y=Y):
    options = {"batch_size": 16, "validation_data": (X, y), "verbose": 0}
    return model.fit(X, y, epochs=epochs, callbacks=list(callbacks), **options).history


def predict(model, x=X):
    return np.asarray(model.predict(x, verbose=0))


def dense(layer, x):
    return x @ np.asarray(layer.kernel) + np.asarray(layer.bias)


class Kernels(keras.callbacks.Callback):
    """Keeps a layer's kernel after each epoch."""

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.kept = []

    def on_epoch_end(self, epoch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.kept.append(np.array(self.model.get_layer(self.name).kernel))


def frozen(x):
    """What stands before it learns nothing."""
    return keras.ops.stop_gradient(keras.ops.relu(x))


def weighted(weight):
    def loss(y_true, y_pred):
        return weight * keras.losses.mean_squared_error(y_true, y_pred)

    return loss


@thread("keras-team/keras#13368")
def test_layers_are_frozen_and_loss_weights_updated_in_mid_training():
    model = two_outputs(["mse", "mse"])
    swap = HotSwap(
        [
            Swap(
                Epoch(2),
                (
                    Change("activation", frozen, "features"),
                    Change("loss", weighted(0.25), "a"),
                    Change("loss", weighted(4.0), "b"),
                ),
            )
        ]
    )
    features, head = Kernels("features"), Kernels("b")
    history = fit(model, swap, features, head, epochs=4, y=[Y, 1 - Y])
    assert np.abs(features.kept[1] - features.kept[0]).max() > 1e-4
    np.testing.assert_array_equal(features.kept[3], features.kept[1])
    assert np.abs(head.kept[3] - head.kept[1]).max() > 1e-4
    a, b = (np.mean((np.asarray(p) - y) ** 2) for p, y in zip(model(X), (Y, 1 - Y), strict=True))
    np.testing.assert_allclose(history["val_loss"][3], a / 4 + 4 * b, rtol=1e-4)


@thread("keras-team/keras#14874")
def test_another_loss_from_the_end_of_the_first_epoch_on():
    optimizer = keras.optimizers.RMSprop()
    model = classifier(optimizer)
    history = fit(model, HotSwap("@1 loss=mse"), epochs=2)
    np.testing.assert_allclose(
        history["val_loss"][1], np.mean((predict(model) - Y) ** 2), rtol=1e-4
    )
    assert history["val_loss"][0] > 0.4
    assert model.optimizer is optimizer
    assert int(optimizer.iterations) == 8


@thread("keras-team/keras#15893")
def test_fine_tuning_begins_after_some_epochs():
    """The features are held until epoch 2, then the whole model learns."""
    model = classifier("adam")
    keras.saving.get_custom_objects()["frozen"] = frozen
    swap = HotSwap("@0 activation[features]=frozen; @2 activation[features]=original")
    features, head = Kernels("features"), Kernels("predictions")
    before = np.array(model.get_layer("features").kernel)
    try:
        fit(model, swap, features, head, epochs=4)
    finally:
        del keras.saving.get_custom_objects()["frozen"]
    np.testing.assert_array_equal(features.kept[1], before)
    assert np.abs(features.kept[2] - before).max() > 1e-4
    assert np.abs(head.kept[1] - head.kept[0]).max() > 1e-4
    assert model.get_layer("features").activation is keras.activations.relu


@thread("keras-team/keras#17255")
def test_compile_with_another_parameter_of_the_loss():
    model = classifier(loss=keras.losses.Huber(delta=1.0))
    history = fit(model, HotSwap("@1 loss=Huber(delta=0.1)"), epochs=2)
    error = np.abs(predict(model) - Y)
    huber = np.where(error <= 0.1, error**2 / 2, 0.1 * error - 0.1**2 / 2)
    np.testing.assert_allclose(history["val_loss"][1], huber.mean(), rtol=1e-4)


@thread("keras-team/tf-keras#359")
def test_a_learning_rate_and_a_loss_by_epoch():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(1, name="y")])
    model.compile(
        keras.optimizers.RMSprop(0.1), loss="mean_squared_error", metrics=["mean_absolute_error"]
    )
    rates = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(np.asarray(self.model.optimizer.learning_rate)))

    swap = HotSwap(
        "@1 optimizer.learning_rate=0.05; @2 optimizer.learning_rate=0.01 loss=mean_absolute_error"
    )
    history = fit(model, swap, Look(), epochs=3)
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.01], rtol=1e-6)
    assert history["val_loss"][2] == pytest.approx(history["val_mean_absolute_error"][2], rel=1e-5)
    assert history["val_loss"][1] != pytest.approx(history["val_mean_absolute_error"][1], rel=1e-2)


@thread("keras-team/keras#6446")
def test_loss_weights_go_from_one_output_to_the_other():
    model = two_outputs([weighted(1.0), weighted(0.0)])
    swap = HotSwap(
        [Swap(Epoch(1), (Change("loss", weighted(0.0), "a"), Change("loss", weighted(1.0), "b")))]
    )
    a, b = Kernels("a"), Kernels("b")
    initial = np.array(model.get_layer("b").kernel)
    history = fit(model, swap, a, b, epochs=2, y=[Y, 1 - Y])
    np.testing.assert_array_equal(b.kept[0], initial)
    np.testing.assert_array_equal(a.kept[1], a.kept[0])
    assert np.abs(b.kept[1] - initial).max() > 1e-4
    expected = np.mean((np.asarray(model(X)[1]) - (1 - Y)) ** 2)
    np.testing.assert_allclose(history["val_loss"][1], expected, rtol=1e-4)


@thread("keras-team/keras#13275")
def test_a_custom_loss_takes_the_epoch_as_its_parameter():
    def custom_loss(epoch):
        factor = np.log10(epoch) / 100

        def loss(y_true, y_pred):
            return factor * keras.losses.binary_crossentropy(y_true, y_pred)

        return loss

    model = classifier(optimizer=keras.optimizers.SGD(0.0), loss=custom_loss(10))
    swap = HotSwap([Swap(Epoch(e), (Change("loss", custom_loss(10 + e)),)) for e in range(1, 5)])
    history = fit(model, swap, epochs=5)
    p = predict(model)
    entropy = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    expected = [np.log10(10 + e) / 100 * entropy for e in range(5)]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-4)
    assert swap.traces > 0


@thread("keras-team/keras#9598")
def test_the_optimizer_keeps_its_state_where_compile_would_lose_it():
    model = classifier(optimizer=keras.optimizers.SGD(0.01, momentum=0.9))
    found = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            kernel = self.model.get_layer("features").kernel
            slots = [v for v in self.model.optimizer.variables if tuple(v.shape) == kernel.shape]
            found.append((np.array(kernel), np.array(slots[0])))

    fit(model, HotSwap("@step:4 loss=hinge"), Look(), epochs=2)
    # The step after the swap moves by 0.9 of the move before it and by its own gradient.
    (old, _), (before, momentum), (after, new) = found[2:5]
    np.testing.assert_allclose(momentum, before - old, rtol=0, atol=1e-6)
    np.testing.assert_allclose(new, after - before, rtol=0, atol=1e-6)
    assert np.corrcoef(momentum.ravel(), new.ravel())[0, 1] > 0.3
    assert int(model.optimizer.iterations) == 8


@thread("keras-team/keras#7190")
def test_a_trained_layer_gives_linear_features_instead_of_its_sigmoid(tmp_path):
    model = classifier()
    fit(model, HotSwap("@0 activation[features]=sigmoid"), epochs=1)
    model.save(tmp_path / "trained.keras")

    model = keras.models.load_model(tmp_path / "trained.keras")
    layer = model.get_layer("features")
    assert layer.activation is keras.activations.sigmoid
    fit(model, HotSwap("@0 activation[features]=linear optimizer.learning_rate=1e-30"), epochs=1)
    features = keras.Model(model.inputs, layer.output)
    np.testing.assert_allclose(predict(features), dense(layer, X), rtol=1e-4, atol=1e-5)
    assert predict(features).min() < 0


@thread("keras-team/keras#9370")
def test_the_softmax_of_the_last_layer_becomes_relu_in_predict():
    """On a model of the shape of VGG16's top, whose last layer is called `predictions` too."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", name="fc2"),
            layers.Dense(10, activation="softmax", name="predictions"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.0), loss="mse")
    before = predict(model)
    np.testing.assert_allclose(before.sum(axis=1), 1, rtol=1e-5)
    swap = HotSwap("@0 activation[predictions]=relu")
    fit(model, swap, epochs=1, y=np.zeros((64, 10), "float32"))
    fc2 = np.maximum(dense(model.get_layer("fc2"), X), 0)
    logits = dense(model.get_layer("predictions"), fc2)
    np.testing.assert_allclose(predict(model), np.maximum(logits, 0), rtol=1e-4, atol=1e-5)
    assert swap.swaps[0].layers == ("predictions",)


@thread("keras-team/keras#9609")
def test_the_temperature_of_a_trained_softmax_is_changed():
    def tempered(temperature):
        def softmax(x):
            return keras.activations.softmax(x / temperature)

        return softmax

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(5, activation=tempered(1.0), name="values")]
    )
    model.compile(keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
    y = RNG.integers(0, 5, (64, 1))
    entropies = []
    for epoch, temperature in enumerate((0.5, 1.0, 4.0)):
        change = Change("activation", tempered(temperature), "values")
        fit(model, HotSwap([Swap(Epoch(0), (change,))]), epochs=1, y=y)
        z = dense(model.get_layer("values"), X) / temperature
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(predict(model), expected, rtol=1e-4, err_msg=str(epoch))
        entropies.append(-np.mean(expected * np.log(expected)))
    assert entropies == sorted(entropies)


@thread("tensorflow/tensorflow#47208")
def test_setting_an_activation_reaches_the_traced_functions():
    model = classifier(optimizer=keras.optimizers.SGD(0.0))
    before = predict(model)
    history = fit(model, HotSwap("@1 activation[features]=tanh"), epochs=2)
    hidden, last = (model.get_layer(name) for name in ("features", "predictions"))
    losses = []
    for function in (lambda x: np.maximum(x, 0), np.tanh):
        p = 1 / (1 + np.exp(-dense(last, function(dense(hidden, X)))))
        losses.append(-np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p)))
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-4)
    np.testing.assert_allclose(history["val_loss"], losses, rtol=1e-4)
    np.testing.assert_allclose(predict(model), p, rtol=1e-4)
    assert np.abs(predict(model) - before).max() > 1e-3
    assert hidden.activation is keras.activations.tanh


def test_every_thread_of_the_documentation_has_a_test():
    assert len(THREADS) == 12
    assert len(set(THREADS.values())) == 12
