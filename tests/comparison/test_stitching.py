"""Model stitching: what the penalty must be where it is known."""

import subprocess
import sys

import numpy as np
import pytest

from akp_keras.comparison.stitching import nearest_affine, stitching_penalty

keras = pytest.importorskip("keras")


def samples(seed, n=240):
    """Three kinds of 6 × 6 images: a bright top, a bright bottom, a bright left."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = rng.normal(size=(n, 6, 6, 1)).astype(np.float32)
    images[labels == 0, :3] += 1.0
    images[labels == 1, 3:] += 1.0
    images[labels == 2, :, :3] += 1.0
    return images, labels


def network(seed, width=16, probabilities=False, convolution=False):
    """Layers map, norm, flat, hidden, dropout, next, out, of weights that the seed draws."""
    layers = keras.layers
    inputs = keras.Input((6, 6, 1))
    size = 3 if convolution else 1
    x = layers.Conv2D(8, size, padding="same", activation="relu", name="map")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Flatten(name="flat")(x)
    x = layers.Dense(width, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    x = layers.Dense(16, activation="relu", name="next")(x)
    activation = "softmax" if probabilities else None
    model = keras.Model(inputs, layers.Dense(3, activation=activation, name="out")(x))
    rng = np.random.default_rng(seed)
    for weight in model.trainable_variables:
        if len(weight.shape) > 1:
            scale = np.sqrt(2 / np.prod(weight.shape[:-1]))
            weight.assign(scale * rng.normal(size=weight.shape))
    return model


def trained(seed, **kind):
    model = network(seed, **kind)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not kind.get("probabilities"))
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss)
    images, labels = samples(0)
    for epoch in range(8):
        order = np.random.default_rng([seed, epoch]).permutation(len(images))
        for batch in np.split(order, 6):
            model.train_on_batch(images[batch], labels[batch])
    return model


@pytest.fixture(scope="module")
def one():
    return trained(1, convolution=True)


@pytest.fixture(scope="module")
def other():
    return trained(2, width=12, probabilities=True, convolution=True)


@pytest.mark.parametrize(
    ("layer", "start"),
    [
        ("map", "identity"),
        ("norm", "least_squares"),
        ("hidden", "least_squares"),
        ("next", "identity"),
    ],
)
def test_a_network_stitched_into_itself_costs_nothing_from_the_start(one, layer, start):
    found = stitching_penalty(one, one, layer, samples(0), epochs=0, start=start)
    assert found.top_accuracy > 0.9
    assert found.start_accuracy == found.accuracy == found.top_accuracy
    assert found.penalty == 0.0
    assert found.loss_penalty == pytest.approx(0.0, abs=1e-4)


def test_a_rotated_twin_costs_nothing_after_fitting(one):
    # The twin's hidden units are a rotation of the other's, undone by the weights that read them.
    def split(turn):
        inputs = keras.Input((6, 6, 1))
        x = keras.layers.Flatten()(inputs)
        x = keras.layers.Dense(16, activation="relu")(x)
        x = keras.layers.Dense(16, name="hidden")(x)
        model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Activation("linear")(x)))
        rng = np.random.default_rng(5)
        for weight in model.trainable_variables:
            weight.assign(rng.normal(size=weight.shape) / np.sqrt(weight.shape[0]))
        hidden, out = model.get_layer("hidden"), model.layers[-1]
        hidden.kernel.assign(np.asarray(hidden.kernel) @ turn)
        hidden.bias.assign(np.asarray(hidden.bias) @ turn)
        out.kernel.assign(turn.T @ np.asarray(out.kernel))
        return model

    images, _ = samples(0)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0].astype(np.float32)
    plain, twin = split(np.eye(16, dtype=np.float32)), split(turn)
    labels = plain.predict(images, verbose=0).argmax(axis=1)
    by_identity = stitching_penalty(
        plain, twin, "hidden", (images, labels), epochs=0, start="identity"
    )
    assert by_identity.penalty > 0.2
    fitted = stitching_penalty(plain, twin, "hidden", (images, labels), epochs=0)
    assert fitted.top_accuracy > 0.99
    assert abs(fitted.penalty) < 0.01
    learnt = stitching_penalty(
        plain, twin, "hidden", (images, labels), epochs=10, start="identity", learning_rate=5e-2
    )
    assert learnt.penalty < 0.05


def test_other_widths_seeds_and_maps_stitch_and_an_untrained_rest_does_not(one, other):
    for layer in ("map", "hidden"):
        found = stitching_penalty(one, other, layer, samples(0), test=samples(9), epochs=1)
        assert found.top_accuracy > 0.8
        assert found.penalty < 0.1
    blank = network(3, width=12, convolution=True)
    late = stitching_penalty(blank, other, "next", samples(0), test=samples(9), epochs=0)
    early = stitching_penalty(one, other, "next", samples(0), test=samples(9), epochs=0)
    assert late.penalty > early.penalty + 0.1


def test_the_same_seed_gives_the_same_numbers_and_both_networks_stay_as_they_were(one, other):
    before = [np.array(w) for w in one.get_weights() + other.get_weights()]
    flags = [v.trainable for v in other.variables]
    arguments = (one, other, "map", samples(0))
    first = stitching_penalty(*arguments, epochs=1, seed=3)
    assert first == stitching_penalty(*arguments, epochs=1, seed=3)
    assert first.loss != stitching_penalty(*arguments, epochs=1, seed=4).loss
    for was, now in zip(before, one.get_weights() + other.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)
    assert flags == [v.trainable for v in other.variables]
    assert any(flags)


def test_two_layers_of_different_names_and_sequential_models(one):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(5, name="five")]
    )
    model.add(keras.layers.Dense(3, name="out"))
    found = stitching_penalty(one, model, "hidden", samples(0), top_layer="five", epochs=1)
    assert 0.0 <= found.accuracy <= 1.0


def test_what_cannot_be_stitched_is_said_in_one_line(one, other):
    data = samples(0)

    def message(*arguments, **keywords):
        with pytest.raises(ValueError) as raised:
            stitching_penalty(*arguments, **keywords)
        text = str(raised.value)
        assert "\n" not in text
        return text

    assert "bottom has no layer 'hiden'; did you mean 'hidden'?" in message(
        one, other, "hiden", data
    )
    assert "only the last number may differ" in message(one, other, "map", data, top_layer="hidden")
    assert "is its last layer" in message(one, one, "out", data)
    assert "needs equal widths" in message(one, other, "hidden", data, start="identity")
    assert "least_squares or identity" in message(one, other, "hidden", data, start="random")
    assert "one label per sample" in message(one, other, "hidden", (data[0], data[1][:-1]))
    assert "integer classes" in message(one, other, "hidden", (data[0], data[1] + 0.5))
    assert "a label is 3; top has the classes 0 to 2" in message(
        one, other, "hidden", (data[0], data[1] + 1)
    )
    inputs = keras.Input((6, 6, 1))
    flat = keras.layers.Flatten()(inputs)
    first = keras.layers.Dense(36, name="first")(flat)
    second = keras.layers.Dense(36, name="second")(first)
    around = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.add([second, flat])))
    assert "need more than its output" in message(around, around, "first", data)


def test_the_nearest_affine_map_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4, 3)), rng.normal(size=(50, 4, 2))
    design = np.concatenate([x.reshape(-1, 3), np.ones((200, 1))], axis=1)
    expected = np.linalg.lstsq(design, y.reshape(-1, 2), rcond=None)[0]
    matrix, offset = nearest_affine(x, y)
    np.testing.assert_allclose(matrix, expected[:3], rtol=1e-9)
    np.testing.assert_allclose(offset, expected[3], rtol=1e-9)


def test_the_module_is_imported_without_keras():
    code = "import sys, akp_keras.comparison.stitching; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
