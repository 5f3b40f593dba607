"""Which activations are swapped in the architectures of `keras.applications`."""

import keras
import numpy as np
import pytest

from akp_keras.hotswap import restore, swap_now, swappable

# Hidden non-linearities, without gates and heads.
HIDDEN = {
    "ResNet50": 49,
    "ResNet101": 100,
    "ResNet152": 151,
    "ResNet50V2": 49,
    "ResNet101V2": 100,
    "ResNet152V2": 151,
    "DenseNet121": 121,
    "DenseNet169": 169,
    "DenseNet201": 201,
    "InceptionV3": 94,
    "InceptionResNetV2": 243,
    "Xception": 35,
    "NASNetMobile": 192,
    "VGG16": 15,
    "VGG19": 18,
    "MobileNet": 27,
    "MobileNetV2": 35,
    "MobileNetV3Small": 33,
    "MobileNetV3Large": 40,
    "EfficientNetB0": 49,
    "EfficientNetB1": 69,
    "EfficientNetV2B0": 55,
    "ConvNeXtTiny": 18,
    "ConvNeXtSmall": 36,
}
FAST = ("MobileNetV3Small", "EfficientNetB0", "VGG16")


@pytest.mark.parametrize(
    "name",
    [n if n in FAST[:1] else pytest.param(n, marks=pytest.mark.slow) for n in HIDDEN],
)
def test_hidden_activations_go_to_tanh_and_back(name):
    keras.backend.clear_session()
    model = getattr(keras.applications, name)(weights=None, classes=10)
    model.compile("sgd", "sparse_categorical_crossentropy")
    shape = [size or 64 for size in model.input_shape[1:3]]
    image = np.random.default_rng(0).uniform(0, 255, (1, *shape, 3)).astype("float32")
    before = keras.ops.convert_to_numpy(model(image, training=False))
    config = model.get_config()

    hidden = [place.name for place in swappable(model) if place.by_default]
    swap_now(model, "activation=tanh")
    tanh = [place.name for place in swappable(model) if place.held.text == "tanh"]
    kept = {place.held.name for place in swappable(model) if not place.by_default}
    assert tanh == hidden
    model(image, training=False)
    restore(model)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(image, training=False)), before)
    assert model.get_config() == config
    assert len(hidden) == HIDDEN[name] == hidden_by_config(config)
    # In MobileNetV3 the gates are a hard sigmoid, written with operators around a ReLU.
    gates = {"ReLU"} if name.startswith("MobileNetV3") else set()
    assert kept <= {"linear", "softmax", "sigmoid"} | gates


def hidden_by_config(config):
    """The same count from the saved configuration."""
    count = 0
    for layer in config["layers"]:
        options = layer["config"]
        if layer["class_name"] == "ReLU":
            # In MobileNetV3 the ReLU layers that are no gates have no max_value.
            count += not (config["name"].startswith("MobileNetV3") and options["max_value"] == 6)
        else:
            count += options.get("activation", "linear") not in ("linear", "softmax", "sigmoid")
    return count
