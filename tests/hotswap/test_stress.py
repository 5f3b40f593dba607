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


class Scaled(keras.layers.Layer):
    """A layer with a weight of its own and a layer inside."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), initializer="random_normal", name="scale")
        self.inner = keras.layers.Dense(4, name="inner")
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x) * self.scale


class WithoutConfig(Scaled):
    def __init__(self, size):
        super().__init__(name="unknown")


def block(*layers):
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


@pytest.mark.parametrize("value", ["noise(1.0)", "reinitialise"])
def test_weights_beside_inner_layers_are_changed_too(value):
    keras.utils.set_random_seed(0)
    layer = Scaled(name="scaled")
    model = block(layer)
    before = [np.array(weight) for weight in (layer.scale, layer.inner.kernel)]
    swap = HotSwap(f"@0 weights={value}")
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0, callbacks=[swap])
    assert set(swap.swaps[0].layers) >= {"scaled", "inner"}
    for old, new in zip(before, (layer.scale, layer.inner.kernel), strict=True):
        assert np.all(np.asarray(new) != old)
    swap = HotSwap("@0 weights[scaled]=noise(1.0)")
    inner = np.array(layer.inner.kernel)
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(np.asarray(layer.inner.kernel), inner)


def test_statistics_are_drawn_anew_too():
    model = block(keras.layers.BatchNormalization(name="bn"))
    bn, x = model.get_layer("bn"), np.full((8, 4), 5.0)
    model.fit(x, np.ones((8, 1)), epochs=3, verbose=0)
    assert np.all(np.asarray(bn.moving_mean) > 0.1)
    look = Look(lambda model: bn.moving_mean)
    model.fit(
        x, np.ones((8, 1)), verbose=0, callbacks=[HotSwap("@0 weights=reinitialise[bn]"), look]
    )
    assert look.seen[0].tolist() == [0.0] * 4


def test_a_layer_that_has_no_config_is_refused_before_the_first_step():
    model = block(WithoutConfig(3))
    with pytest.raises(ValueError, match="layer 'unknown' cannot be made from its config"):
        model.fit(
            np.ones((4, 4)),
            np.ones((4, 1)),
            verbose=0,
            callbacks=[HotSwap("@0 weights=reinitialise[unknown]")],
        )


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
        pytest.skip("on JAX the weights differ from those of a plain fit; the cause is not known")
    plain, switched = make_model(dropout=0.5), make_model(dropout=0.5)
    fit(plain, epochs=1)
    fit(switched, HotSwap("@0 dropout=0.5", candidates=["@0 dropout=0.25"]), epochs=1)
    for mine, theirs in zip(switched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_dropout_rate_not_in_force_changes_nothing(make_model, fit, policy):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("on JAX the weights differ from those of a plain fit; the cause is not known")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        plain, switched = make_model(dropout=0.2), make_model(dropout=0.2)
    finally:
        keras.config.set_dtype_policy(before)
    fit(plain, epochs=1)
    fit(switched, HotSwap([], strategy="switch", candidates=["@0 dropout=0.5"]), epochs=1)
    for mine, theirs in zip(switched.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


def test_strategies_draw_alike_after_a_rate_of_zero(make_model, fit):
    """Keras draws no random numbers at rate 0."""
    schedule = "@0 dropout=0.5; @1 dropout=0; @2 dropout=0.5"
    found = []
    for strategy in ("switch", "retrace"):
        model = make_model(dropout=0.2)
        fit(model, HotSwap(schedule, strategy=strategy), shuffle=False)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_dropout_without_a_layer_for_it_is_refused(make_model, fit):
    with pytest.raises(ValueError, match="finds no Dropout layer that was made with a rate above"):
        fit(make_model(dropout=0.0), HotSwap("@1 dropout=0.5"))


class Given(keras.layers.Layer):
    """Keeps what each training step gives it, a row a step."""

    def __init__(self, **options):
        super().__init__(**options)
        self.rows = self.add_weight(shape=(40, 6), initializer="zeros", trainable=False)
        self.count = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False)

    def call(self, x, training=False):
        if training:
            place = keras.ops.one_hot(self.count, 40, dtype="float32")
            self.rows.assign_add(keras.ops.outer(place, keras.ops.reshape(x, (6,))))
            self.count.assign_add(1)
        return x


CLEAN = np.random.default_rng(5).normal(size=(20, 3)).astype("float32")


def noise_seen(schedule, strategy="auto", seed=0, callbacks=(), candidates=None, **options):
    """Trains two epochs of 10 batches of (2, 3); what each step was given beyond the data."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,), batch_size=2)
    outputs = keras.layers.Dense(1)(Given(name="given")(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.01), loss="mse", **options)
    swap = HotSwap(schedule, strategy=strategy, seed=seed, candidates=candidates)
    history = model.fit(
        CLEAN,
        CLEAN[:, :1],
        batch_size=2,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=(CLEAN, CLEAN[:, :1]),
        callbacks=[swap, *callbacks],
    )
    rows = np.asarray(model.get_layer("given").rows)[:20].reshape(20, 2, 3)
    return rows - np.tile(CLEAN.reshape(10, 2, 3), (2, 1, 1)), swap, model, history


NOISY = "@step:3 inputs=noise(0.5); @step:8 inputs=noise(2); @1 inputs=noise(0)"


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("switch", {}),
        ("retrace", {}),
        ("auto", {"run_eagerly": True}),
        ("switch", {"steps_per_execution": 4}),
        ("switch", {"steps_per_execution": 10}),
        ("auto", {"run_eagerly": True, "steps_per_execution": 4}),
        pytest.param("switch", {"jit_compile": True}, marks=pytest.mark.slow),
    ],
)
def test_noise_on_inputs_falls_on_its_steps(strategy, options):
    # XLA draws other random numbers than TensorFlow's kernels do.
    is_xla = options.get("jit_compile", False)
    other = "retrace" if strategy == "switch" else "switch"
    reference = noise_seen(NOISY, other, jit_compile=is_xla)[0]
    noise, swap, _, _ = noise_seen(NOISY, strategy, **options)
    steps = np.abs(noise).max(axis=(1, 2))
    assert not steps[:3].any()
    assert steps[3:10].all()
    assert not steps[10:].any()
    np.testing.assert_allclose(noise, reference, rtol=0, atol=1e-6)
    assert [(r.epoch, r.step, r.what, r.from_, r.to, r.layers) for r in swap.swaps] == [
        (0, 3, "inputs", "original", "noise(0.5)", ()),
        (0, 8, "inputs", "noise(0.5)", "noise(2)", ()),
        (1, 10, "inputs", "noise(2)", "original", ()),
    ]


def test_noise_on_inputs_has_its_standard_deviation_and_depends_on_the_seed_alone(make_model, fit):
    first, _, model, _ = noise_seen("@0 inputs=noise(0.5)", seed=1)
    noise = first.ravel()
    # 120 numbers: the standard error of their standard deviation is 0.032, of their mean 0.046.
    assert noise.std() == pytest.approx(0.5, abs=4 * 0.032)
    assert noise.mean() == pytest.approx(0, abs=4 * 0.046)
    # No step is given the noise of another one.
    together = np.abs(np.corrcoef(first.reshape(20, 6)) - np.eye(20)).max()
    assert together < 0.999
    again = noise_seen("@0 inputs=noise(0.5)", seed=1, candidates=["@0 inputs=noise(3)"])[0]
    np.testing.assert_allclose(again, first, rtol=0, atol=1e-6)
    assert np.abs(noise_seen("@0 inputs=noise(0.5)", seed=2)[0] - first).max() > 0.5
    # It ends with fit, and nothing else ever sees it.
    steps = np.asarray(model.get_layer("given").rows)[:20].copy()
    model.get_layer("given").count.assign(0)
    model.get_layer("given").rows.assign(np.zeros((40, 6)))
    model.fit(CLEAN, CLEAN[:, :1], batch_size=2, shuffle=False, verbose=0)
    later = np.asarray(model.get_layer("given").rows)[:10].reshape(20, 3)
    np.testing.assert_array_equal(later, CLEAN)
    assert not np.array_equal(steps[:10].reshape(20, 3), CLEAN)


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_noise_on_inputs_is_not_seen_by_validation_evaluate_predict_or_files(tmp_path, strategy):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            head = self.model.layers[-1]
            by_hand = CLEAN @ np.asarray(head.kernel) + np.asarray(head.bias)
            loss = np.mean((by_hand - CLEAN[:, :1]) ** 2)
            found = self.model.predict(CLEAN, batch_size=2, verbose=0)
            np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-5)
            evaluated = self.model.evaluate(CLEAN, CLEAN[:, :1], batch_size=2, verbose=0)
            seen.append((loss, logs["val_loss"], evaluated, logs["loss"]))
            self.model.save_weights(tmp_path / f"{epoch}.weights.h5")

    _, swap, model, _ = noise_seen("@0 inputs=noise(2)", strategy, callbacks=[Look()])
    for loss, validated, evaluated, trained in seen:
        assert validated == pytest.approx(loss, rel=1e-4)
        assert evaluated == pytest.approx(loss, rel=1e-4)
        assert trained > 1.5 * loss
    plain = keras.models.clone_model(model)
    plain.load_weights(tmp_path / "1.weights.h5")
    assert len(plain.variables) == len(model.variables) == 4
    assert "noise" not in model.to_json()
    assert swap.swaps[0].to == "noise(2)"


def test_inputs_of_several_kinds(fit):
    """Integers that the model declares are left alone; those that it takes as floats are not."""
    keras.utils.set_random_seed(0)
    words, pixels = keras.Input((4,), dtype="int32", name="words"), keras.Input((3,), name="pixels")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(words))
    joined = keras.layers.Concatenate()([embedded, pixels])
    model = keras.Model([words, pixels], keras.layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x = [rng.integers(0, 5, (8, 4)), rng.normal(size=(8, 3)).astype("float32")]
    swap = HotSwap("@0 inputs=noise(0.1)")
    model.fit(x, np.ones((8, 1)), verbose=0, callbacks=[swap])
    assert [r.to for r in swap.swaps] == ["noise(0.1)"]

    images = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    images.compile(keras.optimizers.SGD(0.0), "mse")
    data = rng.integers(0, 255, (8, 3)).astype("uint8")
    target = images.predict(data, verbose=0)
    swap = HotSwap("@0 inputs=noise(10)")
    loss = images.fit(data, target, verbose=0, callbacks=[swap]).history["loss"][0]
    assert loss > 1

    tokens = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(5, 2)])
    tokens.compile("sgd", "mse")
    with pytest.raises(ValueError, match="floating point; the model's are int32"):
        tokens.fit(x[0], np.ones((8, 4, 2)), verbose=0, callbacks=[swap])


def test_noise_on_inputs_in_mixed_precision(make_model, fit):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        quiet, noisy = make_model(), make_model()
        fit(quiet)
        swap = HotSwap("@1 inputs=noise(1)")
        fit(noisy, swap)
    finally:
        keras.config.set_dtype_policy("float32")
    assert [r.step for r in swap.swaps] == [12]
    values = np.concatenate([np.ravel(w) for w in noisy.get_weights()])
    assert np.all(np.isfinite(values))
    others = np.concatenate([np.ravel(w) for w in quiet.get_weights()])
    assert np.abs(values - others).max() > 1e-3
