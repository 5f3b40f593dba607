"""Kinds of stress that are assigned between two steps."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap


class Look(keras.callbacks.Callback):
    """Notes the values of the variables before each step."""

    def __init__(self, look):
        super().__init__()
        self.look = look
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        self.seen.append(np.array(self.look(self.model)))


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_learning_rate(make_model, fit, strategy):
    model = make_model(optimizer=keras.optimizers.SGD(0.125))
    look = Look(lambda model: model.optimizer.learning_rate)
    swap = HotSwap(
        "@1 optimizer.learning_rate=0.5; @step:20 optimizer.learning_rate=1e-3", strategy=strategy
    )
    fit(model, swap, look)
    expected = [0.125] * 12 + [0.5] * 8 + [1e-3] * 16
    np.testing.assert_allclose(look.seen, expected, rtol=1e-6)
    assert [(r.step, r.what, r.from_, r.to) for r in swap.swaps] == [
        (12, "optimizer.learning_rate", "0.125", "0.5"),
        (20, "optimizer.learning_rate", "0.5", "1e-3"),
    ]


def test_a_learning_rate_schedule_is_refused(make_model, fit):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.9)
    model = make_model(optimizer=keras.optimizers.SGD(schedule))
    with pytest.raises(ValueError, match="follows a LearningRateSchedule"):
        fit(model, HotSwap("@1 optimizer.learning_rate=0.5"))


def frozen(make_model):
    """A model whose training changes nothing, so that what changes is the stress."""
    return make_model(optimizer=keras.optimizers.SGD(0.0))


def test_noise_has_its_standard_deviation_and_depends_on_the_seed_alone(make_model, fit):
    drawn = []
    for seed in (1, 1, 2):
        model = frozen(make_model)
        before = np.asarray(model.get_layer("dense").kernel)
        others = np.asarray(model.get_layer("conv").kernel)
        swap = HotSwap("@step:5 weights[dense]=noise(0.25)", seed=seed)
        fit(model, swap, epochs=1)
        drawn.append(np.asarray(model.get_layer("dense").kernel) - before)
        np.testing.assert_array_equal(np.asarray(model.get_layer("conv").kernel), others)
        assert swap.swaps[0].layers == ("dense",)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).max() > 0.1
    # 1,152 numbers: the standard error of their standard deviation is 0.0052.
    assert drawn[0].std() == pytest.approx(0.25, abs=4 * 0.0052)
    assert drawn[0].mean() == pytest.approx(0, abs=4 * 0.0074)


def test_reinitialised_weights_are_drawn_from_the_initialiser(make_model, fit):
    model = frozen(make_model)
    before = {name: np.asarray(model.get_layer(name).kernel) for name in ("conv", "dense")}
    model.get_layer("dense").bias.assign(np.ones(8))
    swap = HotSwap("@1 weights=reinitialise[dense]")
    fit(model, swap, epochs=2)
    kernel = np.asarray(model.get_layer("dense").kernel)
    limit = np.sqrt(6 / (kernel.shape[0] + kernel.shape[1]))
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    assert np.abs(kernel - before["dense"]).max() > limit / 2
    assert not np.any(np.asarray(model.get_layer("dense").bias))
    np.testing.assert_array_equal(np.asarray(model.get_layer("conv").kernel), before["conv"])
    assert [(r.to, r.layers) for r in swap.swaps] == [("reinitialise[dense]", ("dense",))]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("@1 weights=reinitialise[dens]", "did you mean 'dense'"),
        ("@1 weights[flatten]=noise(0.1)", "matches no layer with trainable weights"),
    ],
)
def test_a_filter_that_matches_nothing_is_refused(make_model, fit, schedule, message):
    with pytest.raises(ValueError, match=message):
        fit(make_model(), HotSwap(schedule))


class Ones(keras.layers.Layer):
    """Gives 1,000 ones a sample, so that zeros behind a Dropout layer are dropped values."""

    def call(self, x):
        return keras.ops.ones((8, 1000))


def squared_distance_from_one(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - 1))


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}])
@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_dropout_takes_its_rate(fit, strategy, options):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 2))
    x = keras.layers.Dropout(0.25, name="dropout")(Ones()(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, name="y")(x))
    # The output is the mean of what is kept, divided by 1 - rate: 1, with the variance below.
    model.get_layer("y").kernel.assign(np.full((1000, 1), 1e-3))
    model.compile(keras.optimizers.SGD(0.0), loss=squared_distance_from_one, **options)
    swap = HotSwap("@1 dropout=0.75; @2 dropout[dropout]=0", strategy=strategy)
    found = fit(model, swap, validation_data=None)["loss"]
    expected = [r / (1 - r) / 1000 for r in (0.25, 0.75, 0.0)]
    # 96 draws: the relative standard error of a variance is sqrt(2 / 95) = 0.145.
    np.testing.assert_allclose(found, expected, rtol=4 * 0.145, atol=1e-9)
    assert [(r.from_, r.to, r.layers) for r in swap.swaps] == [
        ("0.25", "0.75", ("dropout",)),
        ("0.75", "0", ("dropout",)),
    ]
    assert model.get_layer("dropout").rate == 0.0


def test_dropout_masks_are_those_of_keras(make_model, fit):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("JAX draws its masks by other comparisons of the same numbers")
    plain, switched = make_model(dropout=0.5), make_model(dropout=0.5)
    fit(plain, epochs=1)
    fit(switched, HotSwap("@0 dropout=0.5", candidates=["@0 dropout=0.25"]), epochs=1)
    for mine, theirs in zip(switched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


def test_dropout_without_a_layer_for_it_is_refused(make_model, fit):
    with pytest.raises(ValueError, match="finds no Dropout layer that was made with a rate above"):
        fit(make_model(dropout=0.0), HotSwap("@1 dropout=0.5"))
