import keras
import numpy as np
import pytest

from akp_keras.models import build_model, list_models
from akp_keras.models.seeding import with_fresh_weights


@pytest.mark.parametrize("name", list_models())
def test_weights_follow_from_the_seed_alone(name):
    model = build_model(
        name,
        input_shape=(8, 8, 3),
        classes=2,
        mean=np.array([0.1, 0.2, 0.3], np.float32),
        variance=np.array([1, 2, 3], np.float32),
    )
    keras.utils.set_random_seed(1)
    first = with_fresh_weights(model, 5).get_weights()
    keras.utils.set_random_seed(2)
    again = with_fresh_weights(model, 5).get_weights()
    assert len(first) == len(model.get_weights())
    for before, after in zip(first, again, strict=True):
        np.testing.assert_array_equal(before, after)
    other = with_fresh_weights(model, 6).get_weights()
    assert any((before != after).any() for before, after in zip(first, other, strict=True))


def test_layers_draw_different_weights_with_the_variance_that_was_asked_for():
    layers = [keras.layers.Dense(200, name=f"dense{number}") for number in range(2)]
    model = keras.Sequential([keras.Input((200,)), *layers])
    first, _, second, _ = with_fresh_weights(model, 0).get_weights()
    assert (first != second).any()
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.02
    np.testing.assert_allclose(first.var(), 2 / 400, rtol=0.03)  # Glorot and Bengio 2010


def test_what_is_no_weight_stays_as_it_is():
    mean = np.array([0.1, 0.2, 0.3], np.float32)
    model = build_model("mlp", input_shape=(3,), classes=2, mean=mean, variance=mean + 1)
    again = with_fresh_weights(model, 3)
    samples = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        again.get_layer("scaling")(samples), model.get_layer("scaling")(samples)
    )
