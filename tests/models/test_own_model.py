import keras
import numpy as np
import pytest

from akp_keras.models import build_model
from akp_keras.models.own_model import as_classifier

MODULE = """
import keras
from keras import layers


def mlp(input_shape, classes):
    return keras.Sequential(
        [layers.Dense(8, activation="relu"), layers.Dense(classes, activation="softmax")]
    )


def scaled(input_shape, classes, mean, variance):
    inputs = keras.Input(input_shape)
    x = layers.Normalization(mean=mean, variance=variance, name="scaled")(inputs)
    return keras.Model(inputs, layers.Dense(classes)(x))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)


class OwnStep(keras.Model):
    def train_step(self, data):
        return {}


def subclassed(): return Subclassed()
def own_step(): return OwnStep(*ends(keras.Input((5,))))
def ends(inputs): return inputs, layers.Dense(3, activation="softmax")(inputs)
def no_model(): return "model"
def raises(classes): raise RuntimeError("no\\nmemory")
def wants_more(input_shape, width): return None
def other_shape(): return keras.Model(*ends(keras.Input((4,))))
def images(): return keras.Model(*ends(keras.Input((5, 5, 1))))
def two_outputs():
    inputs, outputs = ends(keras.Input((5,)))
    return keras.Model(inputs, [outputs, outputs])
"""
ABOUT = {"input_shape": (5,), "mean": np.full(5, 2.0), "variance": np.full(5, 4.0)}
SAMPLES = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_test_models.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def model_of(*last_layers):
    inputs = keras.Input((5,))
    x = keras.layers.Dense(6, activation="tanh", name="hidden")(inputs)
    for layer in last_layers:
        x = layer(x)
    return keras.Model(inputs, x)


def ends_of(dense, activation):
    """A model's possible ends: a Dense layer with its activation, or a layer after it."""
    return {
        "in the layer": [keras.layers.Dense(dense, activation=activation)],
        "in a layer after it": [
            keras.layers.Dense(dense),
            keras.layers.Softmax()
            if activation == "softmax"
            else keras.layers.Activation(activation),
        ],
        "as they are called": [
            keras.layers.Dense(dense, name="logits"),
            keras.layers.Activation(activation, name="probabilities"),
        ],
    }


@pytest.mark.parametrize(
    ("units", "classes", "activation"), [(3, 3, "softmax"), (2, 2, "softmax"), (1, 2, "sigmoid")]
)
@pytest.mark.parametrize("end", ["in the layer", "in a layer after it", "as they are called"])
def test_a_classifier_answers_as_the_model_did(units, classes, activation, end):
    model = model_of(*ends_of(units, activation)[end])
    before = np.asarray(model(SAMPLES))
    classifier = as_classifier(model, classes)
    np.testing.assert_allclose(classifier(SAMPLES), before, atol=1e-6)
    assert [layer.name for layer in classifier.layers][-2:] == ["logits", "probabilities"]
    logits = keras.Model(classifier.inputs[0], classifier.get_layer("logits").output)(SAMPLES)
    np.testing.assert_allclose(getattr(keras.ops, activation)(logits), before, atol=1e-6)
    assert classifier.get_layer("hidden") is model.get_layer("hidden")


def test_linear_units_become_logits():
    model = model_of(keras.layers.Dense(4))
    before = np.asarray(model(SAMPLES))
    classifier = as_classifier(model, 4)
    np.testing.assert_allclose(classifier(SAMPLES), keras.ops.softmax(before), atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "classes", "message"),
    [
        (lambda: [keras.layers.Dense(3)], 4, r"shape \(None, 3\), and the data have 4 classes"),
        (lambda: [keras.layers.Dense(1)], 3, "the data have 3 classes; end in keras.layers.Dense"),
        (lambda: [keras.layers.Dense(3, activation="sigmoid")], 3, "the activation sigmoid"),
        (lambda: [keras.layers.Dense(1, activation="softmax")], 2, "the activation softmax"),
        (lambda: [keras.layers.Dense(3, activation="relu")], 3, "the activation relu"),
        (lambda: [keras.layers.Dropout(0.1)], 6, r"\(Dropout\).*the activation unknown"),
        (lambda: [keras.Sequential([keras.layers.Dense(3)])], 3, "nested model|Sequential"),
        (
            lambda: [keras.layers.Dense(9, name="logits"), keras.layers.Dense(3)],
            3,
            "the names logits and probabilities are for the last two layers",
        ),
    ],
)
def test_other_ends_are_refused_in_one_line(layers, classes, message):
    with pytest.raises(ValueError, match=message) as refusal:
        as_classifier(model_of(*layers()), classes)
    assert "\n" not in str(refusal.value)


def test_a_function_is_called_with_the_keywords_that_it_takes():
    model = build_model("own_test_models:mlp", classes=3, **ABOUT)
    assert model.input_shape == (None, 5)
    assert model.output_shape == (None, 3)
    scaled = build_model("own_test_models:scaled", classes=2, **ABOUT)
    values = keras.Model(scaled.inputs[0], scaled.get_layer("scaled").output)(SAMPLES)
    np.testing.assert_allclose(values, (SAMPLES - 2) / 2, atol=1e-6)


def test_a_saved_model_is_loaded_with_its_weights(module):
    model = model_of(keras.layers.Dense(3, activation="softmax"))
    model.save(module / "own.keras")
    loaded = build_model("keras:own.keras", classes=3, **ABOUT)
    np.testing.assert_allclose(loaded(SAMPLES), model(SAMPLES), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_test_models:subclassed", "Subclassed is a subclassed model"),
        ("own_test_models:own_step", "OwnStep is a subclassed model.* or has a train_step"),
        ("own_test_models:no_model", "it is a str; return a keras.Model"),
        ("own_test_models:raises", "own_test_models:raises raised RuntimeError: no memory"),
        ("own_test_models:wants_more", "requires the argument 'width'; it is called with input_sh"),
        ("own_test_models:other_shape", r"takes samples of shape \(4,\), and those of the data"),
        ("own_test_models:images", r"takes samples of shape \(5, 5, 1\)"),
        ("own_test_models:two_outputs", "1 inputs and 2 outputs"),
        ("own_test_models:mpl", "has no function 'mpl'; did you mean 'mlp'"),
        ("own_test_modelz:mlp", "there is no module 'own_test_modelz'"),
        ("keras:nowhere.keras", "there is no file nowhere.keras"),
        ("keras:own_test_models.py", "own_test_models.py cannot be loaded"),
        ("mlp:x", "unknown model 'mlp:x'; did you mean 'mlp'"),
        ("my model", "unknown model 'my model'; known are mlp, small_cnn, keras:<file>, <module>"),
    ],
)
def test_models_that_cannot_be_used_are_refused_in_one_line(name, message):
    with pytest.raises(ValueError, match=message) as refusal:
        build_model(name, classes=3, **ABOUT)
    assert "\n" not in str(refusal.value)
