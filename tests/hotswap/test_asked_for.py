"""What users asked for in public threads, done with HotSwap; each test names its threads.

The models and data are as small as the threads allow.
"""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import Change, Epoch, HotSwap, Parametric, Swap

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")
THREADS = {}


def threads(*names):
    """Notes which threads a test is for."""

    def note(test):
        THREADS.update(dict.fromkeys(names, test))
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


def fit(model, *callbacks, epochs, y=Y, **options):
    options = {"batch_size": 16, "validation_data": (X, y), "verbose": 0} | options
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


@threads("keras-team/keras#13368", "keras-team/keras#8850", "keras-team/keras#2132")
def test_layers_are_frozen_and_loss_weights_updated_in_mid_training():
    model = two_outputs(["mse", "mse"])
    swap = HotSwap("@2 trainable[features]=false loss_weights[a]=0.25 loss_weights[b]=4")
    features, head = Kernels("features"), Kernels("b")
    history = fit(model, swap, features, head, epochs=4, y=[Y, 1 - Y])
    assert np.abs(features.kept[1] - features.kept[0]).max() > 1e-4
    np.testing.assert_array_equal(features.kept[3], features.kept[1])
    assert np.abs(head.kept[3] - head.kept[1]).max() > 1e-4
    a, b = (
        np.mean((keras.ops.convert_to_numpy(p) - y) ** 2)
        for p, y in zip(model(X), (Y, 1 - Y), strict=True)
    )
    np.testing.assert_allclose(history["val_loss"][3], a / 4 + 4 * b, rtol=1e-4)


@threads("keras-team/keras#14874")
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


@threads(
    *("keras-team/keras#15893", "keras-team/keras#16234", "tensorflow/tensorflow#47906"),
    *("tensorflow/tensorflow#5796", "sciann/sciann#88"),
)
def test_fine_tuning_begins_after_some_epochs():
    """The base is held until epoch 2, with its statistics, and then learns by a smaller rate."""
    keras.utils.set_random_seed(0)
    base = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu", name="features"),
            layers.BatchNormalization(name="norm"),
        ],
        name="base",
    )
    model = keras.Sequential([keras.Input((6,)), base, layers.Dense(1, name="predictions")])
    model.compile(keras.optimizers.AdamW(0.05), "mse")
    swap = HotSwap(
        "@0 trainable[base]=false; @2 trainable[base]=true optimizer.learning_rate[base]=0.001"
    )
    kept = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            kept.append([np.array(weight) for weight in (*base.weights, *model.weights[-2:])])

    before = [np.array(weight) for weight in base.weights]
    fit(model, swap, Look(), epochs=4)
    for held, old in zip(kept[1], before, strict=False):
        np.testing.assert_array_equal(held, old)
    # AdamW moves a weight by no more than about its learning rate in a step, of which there are 4.
    moved = np.abs(kept[2][0] - before[0]).max()
    assert 1e-4 < moved < 1.5 * 4 * 0.001
    assert np.abs(kept[1][-2] - kept[0][-2]).max() > 0.01
    assert all(layer.trainable for layer in model.layers)


@threads("keras-team/keras#17255")
def test_compile_with_another_parameter_of_the_loss():
    model = classifier(loss=keras.losses.Huber(delta=1.0))
    history = fit(model, HotSwap("@1 loss=Huber(delta=0.1)"), epochs=2)
    error = np.abs(predict(model) - Y)
    huber = np.where(error <= 0.1, error**2 / 2, 0.1 * error - 0.1**2 / 2)
    np.testing.assert_allclose(history["val_loss"][1], huber.mean(), rtol=1e-4)


@threads("keras-team/tf-keras#359")
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


@threads("keras-team/keras#6446", "keras-team/keras#2595", "keras-team/keras#20294")
def test_loss_weights_go_from_one_output_to_the_other():
    model = two_outputs(["mse", "mse"])
    model.compile(model.optimizer, loss=["mse", "mse"], loss_weights=[1.0, 0.0])
    swap = HotSwap(
        "@1 loss_weights[a]=linear(1→0 over 2 epochs) loss_weights[b]=0.5; @3 loss_weights[b]=1"
    )
    a, b = Kernels("a"), Kernels("b")
    initial = np.array(model.get_layer("b").kernel)
    history = fit(model, swap, a, b, epochs=4, y=[Y, 1 - Y])
    np.testing.assert_array_equal(b.kept[0], initial)
    np.testing.assert_array_equal(a.kept[3], a.kept[2])
    assert np.abs(b.kept[1] - initial).max() > 1e-4
    weights = np.array([[1, 0], [1, 0.5], [0.5, 0.5], [0, 1]])
    parts = np.stack([history["val_a_loss"], history["val_b_loss"]], axis=1)
    np.testing.assert_allclose(history["val_loss"], (weights * parts).sum(axis=1), rtol=1e-4)


@threads("keras-team/keras#13275")
def test_the_epoch_is_a_parameter_of_the_loss():
    """A factor of the loss, log10 of the epoch, as the thread has it: one trace for all epochs."""
    model = classifier(optimizer=keras.optimizers.SGD(0.0))
    factor = Change("loss_weights", lambda epoch: np.log10(10 + epoch) / 100)
    swap = HotSwap([Swap(Epoch(0), (factor,))])
    history = fit(model, swap, epochs=5)
    p = predict(model)
    entropy = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
    expected = [np.log10(10 + e) / 100 * entropy for e in range(5)]
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-4)
    if keras.backend.backend() != "torch":
        again = HotSwap([Swap(Epoch(0), (factor,))])
        fit(model, again, epochs=3)
        assert again.traces == 0 < swap.traces


@threads(
    "stackoverflow: Dynamic Activation Function in Keras",
    "keras-team/keras#3155",
    "OHBA-analysis/osl-dynamics PR303",
)
@pytest.mark.parametrize("is_text", [True, False])
def test_relu_becomes_a_polynomial_by_epoch_over_n(is_text):
    """The blend (1 - epoch / N) relu + (epoch / N) polynomial, and its end without the blend."""

    def polynomial(x):
        return x**2 / 8 + x / 2 + 0.25

    def blended(x, weight):
        return (1 - weight) * keras.activations.relu(x) + weight * polynomial(x)

    model = classifier(optimizer=keras.optimizers.SGD(0.0))
    hidden, last = (model.get_layer(name) for name in ("features", "predictions"))
    if is_text:
        keras.saving.get_custom_objects()["polynomial"] = polynomial
        value = "blend(relu, polynomial, linear(0→1 over 4 epochs))"
    else:
        value = Parametric(blended, weight=lambda epoch: min(1.0, epoch / 4))
    try:
        swap = HotSwap([Swap(Epoch(0), (Change("activation", value, "features"),))])
        history = fit(model, swap, epochs=6)
    finally:
        keras.saving.get_custom_objects().pop("polynomial", None)
    z = dense(hidden, X)
    for epoch, found in enumerate(history["val_loss"]):
        weight = min(1.0, epoch / 4)
        mixed = (1 - weight) * np.maximum(z, 0) + weight * polynomial(z)
        p = 1 / (1 + np.exp(-dense(last, mixed)))
        entropy = -np.mean(Y * np.log(p) + (1 - Y) * np.log(1 - p))
        np.testing.assert_allclose(found, entropy, rtol=1e-4, err_msg=str(epoch))
    np.testing.assert_allclose(predict(model), p, rtol=1e-4)
    if is_text:
        assert hidden.activation is polynomial


def rate_by_epoch(build, layer, attribute, schedule, expected):
    """Trains, and returns what the layer's number is after each epoch."""
    numbers = []
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), *build, layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            owner = self.model.get_layer(layer)
            numbers.append(float(getattr(getattr(owner, "cell", owner), attribute)))

    fit(model, HotSwap(schedule), Look(), epochs=len(expected), validation_data=None)
    np.testing.assert_allclose(numbers, expected, rtol=1e-6, atol=1e-9)


@threads(
    *("keras-team/keras#3424", "keras-team/keras#4597", "keras-team/tf-keras#366"),
    *("keras-team/keras-cv#176", "keras-team/keras#8826", "keras-team/keras#13927"),
)
def test_dropout_rates_of_all_kinds_change_while_training():
    """What the layers compute at their rates is in `targets/test_by_hand.py`."""
    image = [layers.Reshape((2, 3)), layers.SpatialDropout1D(0.2, name="maps"), layers.Flatten()]
    rate_by_epoch(
        image, "maps", "rate", "@1 dropout=linear(0→0.4 over 2 epochs)", [0.2, 0, 0.2, 0.4]
    )
    memory = [layers.Reshape((2, 3)), layers.LSTM(2, dropout=0.2, name="memory")]
    rate_by_epoch(memory, "memory", "dropout", "@1 dropout=0.5", [0.2, 0.5])
    random = np.random.default_rng(1).uniform(0.1, 0.9, 4)
    drawn = [layers.Dropout(0.5, name="drop")]
    change = Change("dropout", lambda epoch: random[epoch])
    rate_by_epoch(drawn, "drop", "rate", [Swap(Epoch(0), (change,))], random)


@threads("keras-team/keras#13917", "keras-team/keras#12230")
def test_gaussian_noise_grows_while_training():
    noisy = [layers.GaussianNoise(0.1, name="noisy")]
    rate_by_epoch(
        noisy, "noisy", "stddev", "@0 noise=linear(0.1→0.5 over 2 epochs)", [0.1, 0.3, 0.5]
    )


@threads("keras-team/keras#4837", "keras-team/keras#8684")
def test_the_momentum_of_batch_normalization_rises_while_training():
    norm = [layers.BatchNormalization(momentum=0.5, name="norm")]
    rate_by_epoch(
        norm, "norm", "momentum", "@1 momentum=linear(0.9→0.99 over 1 epoch)", [0.5, 0.9, 0.99]
    )


@threads("keras-team/keras#13301", "keras-team/keras#4813", "keras-team/keras#3574")
def test_the_strength_of_a_regularizer_follows_a_schedule():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(1, kernel_regularizer="l1", name="y")]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = fit(model, HotSwap("@1 regularizer=exponential(1→0.01 over 2 epochs)"), epochs=4)
    error = np.mean((predict(model) - Y) ** 2)
    penalty = 0.01 * np.abs(np.asarray(model.get_layer("y").kernel)).sum()
    expected = [error + penalty * factor for factor in (1, 1, 0.1, 0.01)]
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-4)


@keras.saving.register_keras_serializable("tests")
class Sampling(layers.Layer):
    """Of a variational autoencoder: adds the KL divergence of its inputs from a normal."""

    def call(self, x):
        self.add_loss(keras.ops.mean(keras.ops.square(x)) / 2)
        return x


@threads("keras-team/keras#13826", "keras-team/keras#8793")
def test_the_kl_term_of_add_loss_is_annealed():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(2, name="z"), Sampling(), layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.0), "mse")
    history = fit(model, HotSwap("@0 add_loss=linear(0→1 over 2 epochs)"), epochs=4)
    error = np.mean((predict(model) - Y) ** 2)
    divergence = np.mean(dense(model.get_layer("z"), X) ** 2) / 2
    expected = [error + divergence * weight for weight in (0, 0.5, 1, 1)]
    np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-4)


@threads("keras-team/keras#888")
def test_layers_have_learning_rates_of_their_own():
    model = classifier(optimizer=keras.optimizers.SGD(0.0))
    swap = HotSwap("@0 optimizer.learning_rate[predictions]=0.1")
    features, head = Kernels("features"), Kernels("predictions")
    before = np.array(model.get_layer("features").kernel)
    fit(model, swap, features, head, epochs=2)
    np.testing.assert_array_equal(features.kept[1], before)
    assert np.abs(head.kept[1] - head.kept[0]).max() > 1e-4


@threads("keras-team/keras#9598")
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


@threads("keras-team/keras#7190")
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


@threads("keras-team/keras#9370")
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


@threads("keras-team/keras#9609")
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


@threads("tensorflow/tensorflow#47208")
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


def test_the_class_weights_of_a_thread_are_refused_in_one_line():
    """keras-team/keras#12554 wants them changed: they belong to the data, not to the model."""
    with pytest.raises(ValueError, match="unknown target 'class_weight'"):
        HotSwap("@1 class_weight=2")


def test_there_is_a_test_for_every_thread():
    """The twelve of the documentation, and those that ask for what moves and for strengths."""
    assert len(THREADS) == 39
