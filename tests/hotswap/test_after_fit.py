"""What a fit with HotSwap leaves behind, whether it ended or was cut short."""

import csv

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 8)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("float32")


def make(**options):
    """A small model with 7 steps an epoch at batch size 16."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8, activation="relu", name="hidden"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("sgd", loss="binary_crossentropy", **options)
    return model


def fit(model, *callbacks, epochs=3, **options):
    options = {"batch_size": 16, "shuffle": False, "verbose": 0} | options
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **options).history


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C before an execution of steps."""

    def __init__(self, batch, kind=KeyboardInterrupt):
        super().__init__()
        self.batch = batch
        self.kind = kind

    def on_train_batch_begin(self, batch, logs=None):
        if batch == self.batch:
            raise self.kind("interrupted")


class Stop(keras.callbacks.Callback):
    """Ends training after epoch 0."""

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = True


def as_on_a_plain_model(model, **options):
    """A plain fit of the model, and of a plain model with its state and layers."""
    plain = make(**options)
    plain.set_weights(model.get_weights())
    for layer, twin in zip(model.layers, plain.layers, strict=True):
        twin.activation = layer.activation
    return fit(model, epochs=1)["loss"], fit(plain, epochs=1)["loss"]


@pytest.mark.parametrize(
    ("strategy", "kind"), [("switch", KeyboardInterrupt), ("retrace", RuntimeError)]
)
def test_noise_ends_with_a_fit_that_is_cut_short(strategy, kind):
    model = make()
    with pytest.raises(kind):
        fit(model, HotSwap("@0 inputs=noise(50)", strategy=strategy), Interrupt(3, kind))
    mine, plain = as_on_a_plain_model(model)
    np.testing.assert_allclose(mine, plain, rtol=1e-5)


def test_swaps_ahead_end_with_a_fit_that_is_cut_short():
    model = make(steps_per_execution=7)

    class InSecondEpoch(Interrupt):
        def on_epoch_begin(self, epoch, logs=None):
            self.batch = 0 if epoch == 1 else None

    with pytest.raises(KeyboardInterrupt):
        fit(model, HotSwap("@step:10 activation=tanh"), InSecondEpoch(None))
    assert model.get_layer("hidden").activation is keras.activations.relu
    mine, plain = as_on_a_plain_model(model, steps_per_execution=7)
    np.testing.assert_allclose(mine, plain, rtol=1e-5)


def test_training_by_hand_in_a_callback_does_not_end_the_fit():
    class ByHand(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 0:
                self.model.train_on_batch(X[:16], Y[:16])

    swap = HotSwap("@0 inputs=noise(1); @step:17 activation=tanh", strategy="retrace")
    model = make()
    fit(model, swap, ByHand())
    assert [r.to for r in swap.swaps] == ["noise(1)", "tanh"]
    assert "make_train_function" not in vars(model)


@pytest.mark.parametrize("cut_short", [False, True])
def test_an_eager_model_does_not_swap_in_a_later_fit(cut_short):
    model = make(run_eagerly=True)
    swap = HotSwap("@step:10 activation=tanh")
    if cut_short:
        with pytest.raises(KeyboardInterrupt):
            fit(model, swap, Interrupt(3))
    else:
        fit(model, swap, Stop())
    fit(model)
    assert swap.swaps == ()
    assert model.get_layer("hidden").activation is keras.activations.relu


def test_compile_after_a_fit_that_is_cut_short_is_respected():
    model = make()
    with pytest.raises(KeyboardInterrupt):
        fit(model, HotSwap("@0 loss=hinge", strategy="retrace"), Interrupt(3))
    model.compile("sgd", loss="mean_squared_error")
    fit(model, epochs=1)
    expected = np.mean((model.predict(X, verbose=0)[:, 0] - Y) ** 2)
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), expected, rtol=1e-5)


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_an_activation_set_by_hand_afterwards_stays(strategy):
    model = make()
    fit(model, HotSwap("@0 activation=tanh", strategy=strategy), epochs=1)
    hidden = model.get_layer("hidden")
    hidden.activation = keras.activations.gelu
    plain = make()
    plain.set_weights(model.get_weights())
    plain.get_layer("hidden").activation = keras.activations.gelu
    # A batch of a new shape is traced anew, as without HotSwap.
    found = model.evaluate(X[:17], Y[:17], batch_size=17, verbose=0)
    assert hidden.activation is keras.activations.gelu
    expected = plain.evaluate(X[:17], Y[:17], batch_size=17, verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    swap = HotSwap("@0 activation=elu", strategy=strategy)
    fit(model, swap, epochs=1)
    assert swap.swaps[0].from_ == "gelu"


@pytest.mark.parametrize("initial_epoch", [2, 3])
def test_steps_count_as_if_earlier_epochs_had_run(initial_epoch):
    swap = HotSwap("@step:20 activation=tanh; @step:22 activation=elu")
    fit(make(run_eagerly=True), swap, epochs=4, initial_epoch=initial_epoch)
    assert [(r.epoch, r.step) for r in swap.swaps] == [(2, 20), (3, 22)]


def test_a_step_that_never_comes_is_named():
    tf = pytest.importorskip("tensorflow", reason="needs a data set of unknown length")
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16).filter(lambda x, y: True)
    swap = HotSwap("@step:5 activation=elu; @step:500 activation=tanh")
    message = r"swap @step:500 activation=tanh never took place: the training had 14 steps"
    with pytest.warns(UserWarning, match=message):
        make().fit(data, epochs=2, verbose=0, callbacks=[swap])
    assert [r.step for r in swap.swaps] == [5]


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_step_is_named_that_never_comes_as_the_data_run_out():
    """Keras goes by `steps_per_epoch`, until it sees that there are not so many batches."""
    swap = HotSwap("@step:19 activation=tanh")
    with pytest.warns(UserWarning, match="never took place: the training had 14 steps, 0 to 13"):
        fit(make(run_eagerly=True), swap, epochs=2, steps_per_epoch=10)
    assert swap.swaps == ()


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_early_stopping_restores_functions_with_its_weights(strategy):
    """Weights of one configuration under the functions of another would compute anything."""

    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_loss"] = [1.0, 0.5, 2.0, 3.0, 4.0][epoch]

    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    swap = HotSwap("@1 activation=tanh; @2 activation=selu loss=hinge", strategy=strategy)
    model, outputs = make(), {}
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: outputs.update(
            {epoch: keras.ops.convert_to_numpy(model(X))}
        )
    )
    fit(model, Worse(), swap, stop, keep, epochs=5)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(X)), outputs[1])
    assert model.loss == "binary_crossentropy"
    assert [(r.epoch, r.what, r.from_, r.to) for r in swap.swaps[3:]] == [
        (3, "activation", "selu", "tanh"),
        (3, "loss", "hinge", "binary_crossentropy"),
    ]


def test_a_log_that_is_appended_to_keeps_its_columns(tmp_path):
    model, path = make(), tmp_path / "log.csv"
    histories = []
    for swaps in ([], [HotSwap("@1 activation=tanh")]):
        log = keras.callbacks.CSVLogger(path, append=True)
        histories.append(fit(model, log, *swaps, validation_data=(X, Y)))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for name in ("loss", "val_loss"):
        logged = [float(row[name]) for row in rows]
        np.testing.assert_allclose(logged, histories[0][name] + histories[1][name], rtol=1e-6)
    assert histories[0].keys() == histories[1].keys()
