import keras
import pytest
from keras import layers

from akp_keras.models.taps import choose_taps


@pytest.fixture(scope="module")
def model():
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 255, name="scaling")(inputs)
    for number in range(9):
        x = layers.Conv2D(2, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    nested = keras.Sequential([keras.Input((8, 8, 2)), layers.Conv2D(2, 3, name="inner")])
    nested.name = "backbone"
    x = layers.GlobalAveragePooling2D(name="pool")(nested(x))
    x = layers.Dropout(0.1, name="dropout")(x)
    elsewhere = layers.Dense(2, name="elsewhere")
    elsewhere(keras.Input((2,)))
    x = layers.Dense(2, name="dense")(elsewhere(x))
    x = layers.Activation("softmax", name="probabilities")(layers.Dense(2, name="logits")(x))
    return keras.Model(inputs, x)


def test_by_default_six_layers_with_weights_evenly_spaced_the_last_among_them(model):
    assert choose_taps(model, ()) == ("conv0", "conv2", "conv4", "conv5", "conv7", "dense")


def test_a_small_model_has_all_its_layers_with_weights():
    inputs = keras.Input((4,))
    x = layers.Dense(2, name="second")(layers.Dense(2, name="first")(inputs))
    x = layers.Activation("sigmoid", name="probabilities")(layers.Dense(1, name="logits")(x))
    assert choose_taps(keras.Model(inputs, x), ()) == ("first", "second")


def test_a_model_may_declare_its_own(model):
    assert choose_taps(model, (), ("pool", "dense")) == ("pool", "dense")
    assert choose_taps(model, ("dense",), ("pool",)) == ("dense",)


def test_patterns_match_whole_names_and_the_order_is_that_of_the_model(model):
    assert choose_taps(model, ("dense", "relu[0-1]", "conv1")) == (
        "relu0",
        "conv1",
        "relu1",
        "dense",
    )
    assert choose_taps(model, ("logits",)) == ("logits",)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("con", "'con' matches no layer of the model; did you mean 'conv"),
        ("block.*", "'block..' matches no layer"),
        ("inner", "'inner' lies inside a nested model.*'backbone' with input_tensor=x"),
        ("backbone", "'backbone' is a nested model.*input_tensor=x"),
        ("elsewhere", "'elsewhere' has several outputs, or was first called outside"),
        ("input_layer.*", "matches no layer"),
    ],
)
def test_what_cannot_be_tapped_is_refused_in_one_line(model, pattern, message):
    with pytest.raises(ValueError, match=message) as refusal:
        choose_taps(model, ("dense", pattern))
    assert "\n" not in str(refusal.value)


def test_a_model_of_one_nested_model_has_nothing_to_tap():
    inputs = keras.Input((4,))
    nested = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    outputs = layers.Dense(1, activation="sigmoid", name="logits")(nested(inputs))
    with pytest.raises(ValueError, match="has no layer with weights before its logits"):
        choose_taps(keras.Model(inputs, outputs), ())
