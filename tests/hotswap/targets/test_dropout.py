"""`dropout=`: rates as Keras drops, and random numbers where Keras draws them."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import HotSwap


class Ones(keras.layers.Layer):
    """Returns 1,000 ones a sample, so that zeros behind a dropout layer are dropped values."""

    def call(self, x):
        return keras.ops.ones((8, 1000))


def squared_distance_from_one(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_pred - 1))


def build(layer, **options):
    """The output is the mean of what is kept, divided by 1 - rate: 1, with its variance as loss."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1, name="y")(layer(Ones()(inputs))))
    model.get_layer("y").kernel.assign(np.full((1000, 1), 1e-3))
    model.compile(keras.optimizers.SGD(0.0), loss=squared_distance_from_one, **options)
    return model


def losses(model, swap, epochs=3):
    x = np.zeros((96, 2), "float32")
    options = {"batch_size": 8, "epochs": epochs, "verbose": 0, "callbacks": [swap]}
    return model.fit(x, x[:, :1], **options).history["loss"]


@pytest.mark.parametrize(
    ("strategy", "options"), [("switch", {}), ("retrace", {}), ("auto", {"run_eagerly": True})]
)
def test_a_layer_takes_its_rate(strategy, options):
    model = build(keras.layers.Dropout(0.25, name="drop"), **options)
    swap = HotSwap("@1 dropout=0.75; @2 dropout[drop]=0", strategy=strategy)
    expected = [rate / (1 - rate) / 1000 for rate in (0.25, 0.75, 0.0)]
    # 96 draws: the relative standard error of a variance is sqrt(2 / 95) = 0.145.
    np.testing.assert_allclose(losses(model, swap), expected, rtol=4 * 0.145, atol=1e-9)
    assert [(r.from_, r.to, r.layers) for r in swap.swaps] == [
        ("0.25", "0.75", ("drop",)),
        ("0.75", "0", ("drop",)),
    ]
    assert model.get_layer("drop").rate == 0.0


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_a_layer_that_was_made_with_rate_0_drops_too(strategy):
    """It has no random numbers of its own: they depend on the seed and the step."""
    found = []
    for seed in (1, 1, 2):
        model = build(keras.layers.Dropout(0.0, name="drop"))
        swap = HotSwap("@1 dropout[drop]=0.75", strategy=strategy, seed=seed)
        found.append(losses(model, swap, epochs=2))
    assert found[0][0] < 1e-9
    np.testing.assert_allclose(found[0][1], 3 / 1000, rtol=4 * 0.145)
    assert found[0] == found[1]
    assert found[0] != found[2]
    with pytest.raises(ValueError, match="finds no layer with dropout that was made with a rate"):
        HotSwap("@1 dropout=0.5").check(model)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_masks_are_those_of_keras(make_model, fit, policy):
    before, trained = keras.config.dtype_policy(), []
    swaps = [
        [],
        [HotSwap("@0 dropout=0.5", candidates=["@0 dropout=0.25"])],
        [HotSwap([], strategy="switch", candidates=["@0 dropout=0.25"])],
    ]
    for swap in swaps:
        keras.config.set_dtype_policy(policy)
        try:
            model = make_model(dropout=0.5)
        finally:
            keras.config.set_dtype_policy(before)
        fit(model, *swap, epochs=1, shuffle=False)
        trained.append(model.get_weights())
    plain, *switched = trained
    for weights in switched:
        for mine, theirs in zip(weights, plain, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)
