import numpy as np
import pytest

from akp_keras.models import build_model, list_models, tapped_layers


def statistics(features):
    return {"mean": np.zeros(features, np.float32), "variance": np.ones(features, np.float32)}


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("classes", [2, 5])
def test_every_model_answers_with_probabilities_and_has_its_taps(name, classes):
    model = build_model(name, input_shape=(16, 16, 3), classes=classes, **statistics(3))
    answers = np.asarray(model(np.ones((4, 16, 16, 3), np.float32)))
    assert answers.shape == (4, 1 if classes == 2 else classes)
    assert ((answers >= 0) & (answers <= 1)).all()
    if classes > 2:
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    order = [layer.name for layer in model.layers]
    taps = [order.index(tap) for tap in tapped_layers(name)]
    assert taps == sorted(taps)
    assert taps[-1] < order.index("logits") < order.index("probabilities")


def test_inputs_are_scaled_inside_the_model():
    raw = np.random.default_rng(0).normal(5, 3, (256, 30)).astype(np.float32)
    model = build_model(
        "mlp", input_shape=(30,), classes=2, mean=raw.mean(axis=0), variance=raw.var(axis=0)
    )
    scaled = np.asarray(model.get_layer("scaling")(raw))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-4)


def test_a_misspelt_model_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match="unknown model 'smal_cnn'; did you mean 'small_cnn'"):
        tapped_layers("smal_cnn")


def test_small_cnn_refuses_samples_that_are_not_images():
    with pytest.raises(ValueError, match=r"not samples of shape \(30,\); model 'mlp' takes any"):
        build_model("small_cnn", input_shape=(30,), classes=2, **statistics(30))
