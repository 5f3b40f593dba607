"""`weights=`: assigned between two steps, and drawn from the seed alone."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap

X, Y = np.ones((4, 4), "float32"), np.ones((4, 1), "float32")


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


def build(*layers):
    """A model whose training changes nothing, so that what changes is the swap."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, name="out")])
    model.compile(keras.optimizers.SGD(0.0), "mse", run_eagerly=True)
    return model


def fit(model, swap, **options):
    model.fit(X, Y, verbose=0, callbacks=[swap], **options)
    return swap.swaps


def test_noise_has_its_standard_deviation_and_depends_on_the_seed_alone():
    drawn = []
    for seed in (1, 1, 2):
        model = build(keras.layers.Dense(300, name="wide"))
        before = [np.array(model.get_layer(name).kernel) for name in ("wide", "out")]
        records = fit(model, HotSwap("@step:1 weights[wide]=noise(0.25)", seed=seed), batch_size=2)
        after = [np.array(model.get_layer(name).kernel) for name in ("wide", "out")]
        drawn.append(after[0] - before[0])
        np.testing.assert_array_equal(after[1], before[1])
        assert [(r.step, r.layers) for r in records] == [(1, ("wide",))]
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=0, atol=1e-6)
    assert np.abs(drawn[0] - drawn[2]).max() > 0.1
    # 1,200 numbers: the standard error of their standard deviation is 0.0051.
    assert drawn[0].std() == pytest.approx(0.25, abs=4 * 0.0051)
    assert drawn[0].mean() == pytest.approx(0, abs=4 * 0.0072)


def test_reinitialised_weights_are_drawn_from_the_initialiser():
    model = build(keras.layers.Dense(300, name="wide"))
    wide, out = model.get_layer("wide"), model.get_layer("out")
    before, other = np.array(wide.kernel), np.array(out.kernel)
    wide.bias.assign(np.ones(300))
    records = fit(model, HotSwap("@1 weights=reinitialise[wide]"), epochs=2)
    kernel = np.array(wide.kernel)
    limit = np.sqrt(6 / sum(kernel.shape))
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    assert np.abs(kernel - before).max() > limit / 2
    assert not np.any(np.array(wide.bias))
    np.testing.assert_array_equal(np.array(out.kernel), other)
    assert [(r.to, r.layers) for r in records] == [("reinitialise[wide]", ("wide",))]


@pytest.mark.parametrize("value", ["noise(1.0)", "reinitialise"])
def test_weights_beside_inner_layers_are_changed_too(value):
    layer = Scaled(name="scaled")
    model = build(layer)
    before = [np.array(weight) for weight in (layer.scale, layer.inner.kernel)]
    records = fit(model, HotSwap(f"@0 weights={value}"))
    assert set(records[0].layers) >= {"scaled", "inner"}
    for old, new in zip(before, (layer.scale, layer.inner.kernel), strict=True):
        assert np.all(np.array(new) != old)
    inner = np.array(layer.inner.kernel)
    fit(model, HotSwap("@0 weights[scaled]=noise(1.0)"))
    np.testing.assert_array_equal(np.array(layer.inner.kernel), inner)


def test_statistics_are_drawn_anew_too():
    model = build(keras.layers.BatchNormalization(name="norm", momentum=0.0))
    norm = model.get_layer("norm")
    model.fit(5 * X, Y, verbose=0)
    assert np.all(np.array(norm.moving_mean) == 5)
    statistics = []
    look = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: statistics.append(np.array(norm.moving_mean))
    )
    swap = HotSwap("@0 weights=reinitialise[norm]")
    model.fit(X, Y, verbose=0, callbacks=[swap, look])
    assert statistics[0].tolist() == [0.0] * 4


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("weights=reinitialise[unknown]", "layer 'unknown' cannot be made from its config"),
        ("weights=reinitialise[ou]", "did you mean 'out'"),
        ("weights[flat]=noise(0.1)", "matches no layer with trainable weights"),
    ],
)
def test_what_cannot_be_changed_is_refused(value, message):
    with pytest.raises(ValueError, match=message):
        HotSwap(f"@1 {value}").check(build(WithoutConfig(3)))
