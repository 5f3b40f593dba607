"""What is wrong is said in one line before the first step."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap


class NoStep(keras.callbacks.ModelCheckpoint):
    """One of Keras' callbacks, so that it is known to log nothing of its own."""

    def __init__(self):
        super().__init__("never.weights.h5", save_weights_only=True)

    def on_train_batch_begin(self, batch, logs=None):
        raise AssertionError("a step began")


NoStep.__module__ = keras.callbacks.ModelCheckpoint.__module__


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        ("@1 activation[convv]=tanh", {}, "matches no layer.*did you mean 'conv'"),
        ("@1 activation=tanh", {"layers": "no.*"}, r"layers has 'no\.\*', which matches no layer"),
        ("@1 activation=tanh", {"layers": ["conv", "dens"]}, "'dens', which .* mean 'dense'"),
        ("@3 activation=tanh", {}, "after the end of training; fit has 3 epochs, 0 to 2"),
        ("@step:36 activation=tanh", {}, "fit has 36 steps"),
        ("@1 activation=glu", {}, "turns shape"),
        ("@1 loss=circle", {}, "compares no classes"),
        ("@1 loss[head]=hinge", {}, "matches no output"),
        ("@plateau(val_acuracy,patience=1) loss=hinge", {}, "did you mean 'val_accuracy'"),
        ("@plateau(dense_loss,patience=1) loss=hinge", {}, "no metric 'dense_loss'"),
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
        ({"schedule": "@0 loss=hinge", "layers": 3}, "layers must be names"),
        (
            {"schedule": "@0 loss=hinge", "candidates": "gelu"},
            r"candidates must be a list of names",
        ),
        ({"schedule": "@0 loss=hinge", "candidates": 3}, r"candidates must be a list of names"),
        ({"schedule": "@0 loss=hinge", "seed": 1.5}, "seed must be a whole number from 0, not 1.5"),
        ({"schedule": "@0 loss=hinge", "seed": "x"}, "seed must be a whole number from 0, not 'x'"),
        ({"schedule": "@0 loss=hinge", "seed": -1}, "seed must be a whole number from 0, not -1"),
        ({"schedule": 3}, "a schedule must be text"),
        ({"schedule": {"swaps": 3}}, "swaps of a schedule's config must be a list, not 3"),
        ({"schedule": "@0 inputs=noise(-0.5)"}, "with sigma from 0"),
        ({"schedule": "@0 inputs=noise(nan)"}, "with sigma from 0"),
        ({"schedule": "@0 inputs=noise(inf)"}, "with sigma from 0"),
        ({"schedule": "@0 inputs[dense]=noise(1)"}, "takes no layer filter"),
        ({"schedule": "@0 weights=noise(-1)"}, "with sigma from 0"),
        ({"schedule": "@0 weights=noise(nan)"}, "with sigma from 0"),
        ({"schedule": "@0 dropout=nan"}, "a rate from 0 to below 1"),
        ({"schedule": "@0 optimizer.learning_rate=nan"}, "a number above 0"),
    ],
)
def test_in_the_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        HotSwap(**arguments)


def test_a_model_that_is_not_built():
    model = keras.Sequential([keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    swap = HotSwap("@0 activation=elu")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    if keras.backend.backend() == "jax":
        # There, fit builds the model before any callback.
        model.fit(x, y, verbose=0, callbacks=[swap])
        assert [r.to for r in swap.swaps] == ["elu"]
        return
    with pytest.raises(ValueError, match=r"build 'sequential.*' before fit"):
        model.fit(x, y, verbose=0, callbacks=[swap, NoStep()])


def test_a_loss_that_cannot_fit_the_outputs(fit):
    """Columns that do not exclude each other have no class numbers."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid", name="labels")]
    )
    model.compile("sgd", "binary_crossentropy")
    callbacks = [HotSwap("@1 loss=sparse_categorical_crossentropy"), NoStep()]
    with pytest.raises(ValueError, match="classes that exclude each other; the output has 3"):
        model.fit(np.ones((4, 4)), np.ones((4, 3)), epochs=2, verbose=0, callbacks=callbacks)


def needs_two_columns(y_true, y_pred):
    return keras.ops.mean(keras.ops.matmul(y_true, keras.ops.ones((2, 1))) - y_pred)


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_a_custom_loss_that_cannot_be_computed_is_found_at_the_first_step(
    make_model, fit, strategy
):
    done = []
    look = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: done.append(batch))
    swap = HotSwap([Swap(Epoch(2), (Change("loss", needs_two_columns),))], strategy=strategy)
    message = (
        r"loss 'needs_two_columns' fails on labels of shape \((8|None), 1\) and outputs of shape "
        r"\((8|None), 1\): "
    )
    with pytest.raises(ValueError, match=message):
        fit(make_model(), swap, look)
    assert done == []


def test_two_hotswaps_in_one_fit(make_model, fit):
    one, other = HotSwap("@1 activation=tanh"), HotSwap("@1 loss=hinge")
    for pair in ((one, other), (one, one)):
        with pytest.raises(ValueError, match="2 HotSwap callbacks; give one of them all swaps"):
            fit(make_model(), *pair, NoStep())


class Flat(keras.callbacks.Callback):
    """Logs a metric of its own."""

    def on_epoch_end(self, epoch, logs=None):
        logs["mine"] = 1.0


def test_a_metric_that_another_callback_may_log_is_awaited(make_model, fit):
    """It is missed when the first epoch ends, since only then is it known what is logged."""
    swap = HotSwap("@plateau(mine,patience=1,mode=min) activation=tanh")
    fit(make_model(), Flat(), swap)
    assert [r.epoch for r in swap.swaps] == [2]
    with pytest.raises(ValueError, match="whether 'mine' improves by growing; add mode=max"):
        fit(make_model(), Flat(), HotSwap("@plateau(mine,patience=1) activation=tanh"))
    with pytest.raises(ValueError, match="no metric 'mien' in the logs of the epoch; there are"):
        fit(make_model(), Flat(), HotSwap("@plateau(mien,patience=1) activation=tanh"))


def test_metrics_that_are_logged_are_known(make_model, fit):
    metrics = ["accuracy", "acc", "acc", keras.metrics.AUC(name="auc"), "mse"]
    watched = ["loss", "val_loss", "accuracy", "val_auc", "mse", "acc_1"]
    swaps = "; ".join(f"@plateau({metric},patience=9) activation=tanh" for metric in watched)
    assert set(watched) <= set(fit(make_model(metrics=metrics), HotSwap(swaps), epochs=1))


@pytest.mark.parametrize("metric", ["a_loss", "val_b_mse", "b_mse", "loss"])
def test_metrics_of_several_outputs_are_known(metric):
    inputs = keras.Input((4,))
    outputs = [keras.layers.Dense(1, name=name)(inputs) for name in "ab"]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss=["mse", "mae"], metrics={"b": ["mse"]})
    x, y = np.ones((4, 4)), [np.ones((4, 1))] * 2
    swap = HotSwap(f"@plateau({metric},patience=9) loss[a]=mae")
    history = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[swap]).history
    assert metric in history
