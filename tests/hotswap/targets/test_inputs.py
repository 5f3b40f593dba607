"""`inputs=noise(…)`: noise on training steps, and on nothing else."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap


class Keep(keras.layers.Layer):
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


def train(schedule, strategy="auto", seed=0, callbacks=(), candidates=None, **options):
    """Trains two epochs of 10 batches of (2, 3).

    Returns:
        What each step was given beyond the data (20, 2, 3), the HotSwap, and the model.
    """
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,), batch_size=2)
    head = keras.layers.Dense(1, kernel_initializer="ones")
    outputs = head(Keep(name="keep")(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.01), loss="mse", **options)
    swap = HotSwap(schedule, strategy=strategy, seed=seed, candidates=candidates)
    model.fit(
        CLEAN,
        CLEAN[:, :1],
        batch_size=2,
        epochs=2,
        shuffle=False,
        verbose=0,
        validation_data=(CLEAN, CLEAN[:, :1]) if callbacks else None,
        callbacks=[swap, *callbacks],
    )
    rows = np.asarray(model.get_layer("keep").rows)[:20].reshape(20, 2, 3)
    return rows - np.tile(CLEAN.reshape(10, 2, 3), (2, 1, 1)), swap, model


SCHEDULE = "@step:3 inputs=noise(0.5); @step:8 inputs=noise(2); @1 inputs=noise(0)"


@pytest.fixture(scope="module")
def reference():
    """The noise under `retrace`."""
    noise, swap, _ = train(SCHEDULE, "retrace")
    steps = np.abs(noise).max(axis=(1, 2))
    assert not steps[:3].any()
    assert steps[3:10].all()
    assert not steps[10:].any()
    return noise, swap.swaps


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("switch", {"steps_per_execution": 4}),
        ("auto", {"run_eagerly": True, "steps_per_execution": 4}),
    ],
)
def test_it_falls_on_its_steps(strategy, options, reference):
    noise, swap, _ = train(SCHEDULE, strategy, **options)
    np.testing.assert_allclose(noise, reference[0], rtol=0, atol=1e-6)
    assert swap.swaps == reference[1]
    assert [(r.epoch, r.step, r.what, r.from_, r.to, r.layers) for r in swap.swaps] == [
        (0, 3, "inputs", "original", "noise(0.5)", ()),
        (0, 8, "inputs", "noise(0.5)", "noise(2)", ()),
        (1, 10, "inputs", "noise(2)", "original", ()),
    ]


@pytest.mark.slow
def test_it_falls_on_its_steps_under_xla():
    """XLA draws other random numbers than TensorFlow's kernels do."""
    pairs = [train(SCHEDULE, strategy, jit_compile=True)[0] for strategy in ("switch", "retrace")]
    np.testing.assert_allclose(*pairs, rtol=0, atol=1e-6)


def test_it_has_its_standard_deviation_and_depends_on_the_seed_alone(reference):
    drawn = reference[0][3:10] / np.array([0.5] * 5 + [2.0] * 2)[:, None, None]
    # 42 numbers: the standard error of their standard deviation is 0.109, of their mean 0.154.
    assert drawn.std() == pytest.approx(1, abs=4 * 0.109)
    assert drawn.mean() == pytest.approx(0, abs=4 * 0.154)
    # No step is given the noise of another one.
    assert np.abs(np.corrcoef(drawn.reshape(7, 6)) - np.eye(7)).max() < 0.999
    moving = "@step:3 inputs=noise(linear(0.5→0 over 14 steps))"
    ramp, _, model = train(moving, seed=0, candidates=["@0 inputs=noise(3)"])
    sigmas = np.array([0.5 - 0.5 * min(step, 14) / 14 for step in range(17)])[:, None, None]
    np.testing.assert_allclose(ramp[3:10], drawn * sigmas[:7], rtol=0, atol=1e-6)
    assert not ramp[17:].any()
    assert np.abs(train(moving, seed=1)[0][3:10] - ramp[3:10]).max() > 0.1
    # It ends with fit.
    keep = model.get_layer("keep")
    keep.count.assign(0)
    keep.rows.assign(np.zeros((40, 6)))
    model.fit(CLEAN, CLEAN[:, :1], batch_size=2, shuffle=False, verbose=0)
    np.testing.assert_array_equal(np.asarray(keep.rows)[:10].reshape(20, 3), CLEAN)


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_validation_evaluate_predict_and_files_do_not_see_it(strategy, tmp_path):
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            head = self.model.layers[-1]
            by_hand = CLEAN @ np.asarray(head.kernel) + np.asarray(head.bias)
            loss = np.mean((by_hand - CLEAN[:, :1]) ** 2)
            predicted = self.model.predict(CLEAN, batch_size=2, verbose=0)
            np.testing.assert_allclose(predicted, by_hand, rtol=1e-4, atol=1e-5)
            evaluated = self.model.evaluate(CLEAN, CLEAN[:, :1], batch_size=2, verbose=0)
            seen.append((loss, logs["val_loss"], evaluated, logs["loss"]))

    _, swap, model = train("@0 inputs=noise(2)", strategy, callbacks=[Look()])
    for loss, validated, evaluated, trained in seen:
        assert validated == pytest.approx(loss, rel=1e-4)
        assert evaluated == pytest.approx(loss, rel=1e-4)
        assert trained > 1.5 * loss
    assert len(model.variables) == 4
    assert "noise" not in model.to_json()
    assert swap.swaps[0].to == "noise(2)"


def test_inputs_of_several_kinds():
    """Integers that the model declares are left alone; those that it takes as floats are not."""
    keras.utils.set_random_seed(0)
    words, pixels = keras.Input((4,), dtype="int32", name="words"), keras.Input((3,), name="pixels")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(words))
    joined = keras.layers.Concatenate()([embedded, pixels])
    model = keras.Model([words, pixels], keras.layers.Dense(1)(joined))
    model.compile("sgd", "mse", run_eagerly=True)
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
        swap.check(tokens)


def test_in_mixed_precision(make_model, fit):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        quiet, noisy = make_model(), make_model()
        swap = HotSwap("@1 inputs=noise(1)")
        fit(quiet, epochs=2, shuffle=False)
        fit(noisy, swap, epochs=2, shuffle=False)
    finally:
        keras.config.set_dtype_policy("float32")
    assert [r.step for r in swap.swaps] == [12]
    values, others = (
        np.concatenate([np.ravel(w) for w in model.get_weights()]) for model in (noisy, quiet)
    )
    assert np.all(np.isfinite(values))
    assert np.abs(values - others).max() > 1e-3
