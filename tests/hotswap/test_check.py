"""`HotSwap.check` says before any training what is wrong, and leaves the model as it is."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap

EPOCHS, STEPS = 3, 12


def unknown_direction(y_true, y_pred):
    return keras.ops.mean(y_pred)


def compiled(head="sigmoid", columns=1, loss="binary_crossentropy", **options):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(4, activation="relu", name="dense"),
            keras.layers.Dropout(0.5, name="dropout"),
            keras.layers.Dense(columns, activation=head, name="head"),
        ],
        name="small",
    )
    options.setdefault("metrics", ["accuracy", unknown_direction])
    model.compile("adam", loss=loss, **options)
    return model


@pytest.fixture(scope="module")
def model():
    return compiled()


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "@0 activation=relu loss=binary_crossentropy; @step:35 loss=hinge",
        "@plateau(loss,patience=1) activation=tanh; @plateau(val_accuracy,patience=1) loss=mse",
        "@plateau(learning_rate,patience=1,mode=min) dropout=0.1 weights=reinitialise",
        "@plateau(val_unknown_direction,patience=1,mode=max) inputs=noise(1)",
        "@0 loss=CategoricalCrossentropy; @1 loss=Huber(delta=0.5); @2 loss=original",
    ],
)
def test_what_fits_is_accepted(model, schedule):
    HotSwap(schedule).check(model, EPOCHS, STEPS)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("@3 activation=tanh", "after the end of training; fit has 3 epochs, 0 to 2"),
        ("@step:36 activation=tanh", "fit has 36 steps"),
        ("@1 activation[dens]=tanh", "matches no layer.*did you mean 'dense'"),
        ("@1 activation=glu", "turns shape"),
        ("@1 dropout[drop]=0.1", "matches no layer with dropout .* did you mean 'dropout'"),
        ("@1 weights[flat]=noise(1)", "matches no layer with trainable weights"),
        ("@1 loss[head]=hinge", "matches no output; the model has one"),
        ("@1 loss=circle", "compares no classes"),
        ("@1 loss=MeanSquaredError(reduction=none)", "gives shape .* where one number is due"),
        ("@1 loss=BinaryCrossentropy(axis=5)", r"'BinaryCrossentropy\(axis=5\)' fails on labels"),
        ("@plateau(val_acuracy,patience=1) loss=hinge", "did you mean 'val_accuracy'"),
        ("@plateau(unknown_direction,patience=1) loss=hinge", "add mode=max or mode=min"),
        ("@plateau(learning_rate,patience=1) loss=hinge", "add mode=max or mode=min"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(model, schedule, message):
    with pytest.raises(ValueError, match=message) as caught:
        HotSwap(schedule).check(model, EPOCHS, STEPS)
    assert "\n" not in str(caught.value)


def test_the_length_of_the_training_may_be_unknown(model):
    HotSwap("@300 activation=tanh; @step:4000 loss=hinge").check(model)
    HotSwap("@step:4000 loss=hinge").check(model, epochs=3)


def test_metrics_of_other_callbacks_are_named(model):
    swap = HotSwap("@plateau(mine,patience=1,mode=min) loss=hinge")
    with pytest.raises(ValueError, match="there is no metric 'mine'"):
        swap.check(model, EPOCHS, STEPS)
    swap.check(model, EPOCHS, STEPS, metrics=["mine"])


def test_a_model_without_layers_or_loss_or_compile():
    swap = HotSwap("@1 loss=hinge")
    unbuilt = keras.Sequential([keras.layers.Dense(1)], name="unbuilt")
    with pytest.raises(ValueError, match="model 'unbuilt' has no layers yet; build it"):
        swap.check(unbuilt)
    unbuilt.build((None, 3))
    with pytest.raises(ValueError, match="'unbuilt' is not compiled"):
        swap.check(unbuilt)
    with pytest.raises(ValueError, match="compiled without a loss"):
        swap.check(compiled(loss=None))


@pytest.mark.parametrize("labels", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_losses_of_classes_are_computed_with_labels_of_either_form(labels):
    model = compiled("softmax", 3, labels)
    HotSwap("@0 loss=categorical_hinge; @1 loss=SparseCategoricalCrossentropy").check(model)
    with pytest.raises(ValueError, match="fails on labels of shape"):
        HotSwap("@0 loss=CategoricalCrossentropy(axis=4)").check(model)


def test_custom_losses_wait_for_their_labels(model):
    def of_a_dictionary(y_true, y_pred):
        return keras.ops.mean(y_true["a"] - y_pred)

    HotSwap([Swap(Epoch(0), (Change("loss", of_a_dictionary),))]).check(model)


def test_the_model_is_left_as_it_was():
    """Also by a schedule that is refused: weights, training and what is saved stay."""
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    y = (x[:, :1] > 0).astype("float32")
    plain, checked = compiled(), compiled()
    before, config = set(vars(checked)), checked.get_config()
    swap = HotSwap(
        "@0 activation=tanh loss=hinge dropout=0.1; @1 weights=noise(1) inputs=noise(1) "
        "optimizer.learning_rate=1"
    )
    swap.check(checked, EPOCHS, STEPS)
    with pytest.raises(ValueError):
        HotSwap("@1 loss=circle").check(checked, EPOCHS, STEPS)
    assert swap.swaps == ()
    assert set(vars(checked)) == before
    assert checked.get_config() == config
    assert checked.get_compile_config()["loss"] == "binary_crossentropy"
    for model in (plain, checked):
        keras.utils.set_random_seed(1)
        model.fit(x, y, batch_size=8, verbose=0)
    for mine, theirs in zip(checked.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
