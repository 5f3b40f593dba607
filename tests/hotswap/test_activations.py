"""Which activations are found, and which a change selects."""

import keras
import numpy as np
import pytest
from keras import layers

from akp_keras.hotswap import Change, Epoch, HotSwap, Swap, restore, swap_now, swappable


def selected(model, pattern=None, only=None):
    """Names of the places that a change selects, by making it and taking it back."""
    if not model.compiled:
        model.compile("sgd", "mse")
    subject = "activation" if pattern is None else f"activation[{pattern}]"
    try:
        swap_now(model, f"{subject}=exponential", layers=only)
    except ValueError as error:
        assert "no layer" in str(error)
        return []
    names = [place.name for place in swappable(model) if place.held.text == "exponential"]
    restore(model)
    return names


def functional(hidden, head=None):
    inputs = keras.Input((8, 8, 4))
    x = hidden(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation=head or "softmax", name="head")(x))


def test_every_kind_of_activation_layer_is_found():
    def hidden(x):
        for layer in (
            layers.Conv2D(4, 1, activation="relu", name="attribute"),
            layers.Activation("silu", name="activation"),
            layers.ReLU(max_value=6, name="relu6"),
            layers.LeakyReLU(name="leaky"),
            layers.PReLU(name="learned"),
            layers.ELU(name="elu"),
            layers.Conv2D(4, 1, name="linear"),
            layers.Conv2D(4, 1, activation=layers.LeakyReLU(0.1, name="inner"), name="outer"),
        ):
            x = layer(x)
        return x

    model = functional(hidden)
    expected = ["attribute", "activation", "relu6", "leaky", "learned", "elu", "outer"]
    assert selected(model) == expected
    texts = {place.name: place.held.text for place in swappable(model)}
    assert texts == {
        "attribute": "relu",
        "activation": "silu",
        "relu6": "ReLU(max_value=6)",
        "leaky": "LeakyReLU(negative_slope=0.3)",
        "learned": "PReLU",
        "elu": "elu",
        "linear": "linear",
        "outer": "LeakyReLU(negative_slope=0.1)",
        "head": "softmax",
    }
    assert selected(model, "relu") == ["attribute", "relu6"]
    assert selected(model, "Conv2D") == ["attribute", "outer"]
    assert selected(model, "l.*") == ["leaky", "learned", "outer"]
    assert selected(model, "linear") == ["linear"]
    assert selected(model, "nothing") == []
    assert selected(model, None, ("attribute", "head")) == ["attribute", "head"]
    assert selected(model, "head") == ["head"]


def test_gates_and_outputs_are_left_alone_by_default():
    def hidden(x):
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(2, 1, activation="relu", name="squeeze")(gate)
        gate = layers.Conv2D(4, 1, activation="sigmoid", name="excite")(gate)
        x = layers.Multiply()([x, gate])
        return x * (layers.ReLU(6.0, name="written")(x + 3.0) * (1.0 / 6.0))

    model = functional(hidden)
    assert selected(model) == ["squeeze"]
    assert selected(model, ".*e.*") == ["squeeze"]
    assert selected(model, "excite") == ["excite"]
    assert selected(model, "sigmoid") == ["excite"]
    assert selected(functional(hidden, "relu"), "relu") == ["squeeze"]


def test_the_output_is_found_behind_layers_that_change_nothing():
    inputs = keras.Input((4,))
    x = layers.Dense(4, activation="relu", name="hidden")(inputs)
    x = layers.Dense(6, activation="relu", name="last")(x)
    x = layers.Activation("linear")(layers.Reshape((2, 3))(x))
    assert selected(keras.Model(inputs, x)) == ["hidden"]


def test_nested_shared_recurrent_and_subclassed_models():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, activation="relu", name="dense")], name="inner"
    )
    shared = layers.Dense(4, activation="relu", name="shared")
    inputs = keras.Input((4,))
    x = shared(shared(inner(inputs)))
    x = layers.Dense(4, activation="relu", name="dense")(x)
    x = layers.LSTM(3, name="memory")(layers.Reshape((2, 2))(x))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="head")(x))
    assert selected(model) == ["inner/dense", "shared", "dense", "memory"]
    assert selected(model, "inner/.*") == ["inner/dense"]
    assert selected(model, "LSTMCell") == ["memory"]

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.block = inner
            self.hidden = layers.Dense(4, activation="tanh", name="hidden")
            self.head = layers.Dense(1, activation="sigmoid", name="head")

        def call(self, x):
            return self.head(self.hidden(self.block(x)))

    mine = Mine()
    mine(np.zeros((1, 4)))
    assert selected(mine) == ["dense", "hidden"]


def test_a_nested_models_output_is_an_output_of_the_whole():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, activation="relu"), layers.Dense(2, activation="relu")]
    )
    first, last = (layer.name for layer in inner.layers)
    outer = keras.Sequential([keras.Input((4,)), inner])
    assert [name.rpartition("/")[2] for name in selected(outer)] == [first]
    assert last not in selected(outer)


def every_layer(x):
    for layer in (
        layers.Conv2D(4, 1, activation="relu"),
        layers.ReLU(max_value=0.5),
        layers.Conv2D(4, 1),
        layers.LeakyReLU(),
        layers.Conv2D(4, 1),
        layers.PReLU(alpha_initializer="ones"),
        layers.Conv2D(4, 1),
        layers.ELU(0.5),
    ):
        x = layer(x)
    return x


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_there_and_back_gives_the_same_outputs_and_layers(strategy):
    model = functional(every_layer)
    model.compile(keras.optimizers.SGD(0.0), loss="sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype("float32")
    y = np.arange(8) % 3
    before = model.predict(x, verbose=0)
    config = model.get_config()
    outputs = []

    class Predict(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            outputs.append(self.model.predict(x, verbose=0))

    swap = HotSwap("@1 activation=tanh; @2 activation=original", strategy=strategy)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[swap, Predict()])
    assert len(swap.swaps[0].layers) == 5
    np.testing.assert_array_equal(outputs[0], before)
    assert np.abs(outputs[1] - before).max() > 1e-3
    np.testing.assert_array_equal(outputs[2], before)
    assert model.get_config() == config


@pytest.mark.parametrize("strategy", ["switch", "retrace"])
def test_a_learned_activation_keeps_its_weights_while_out_of_use(strategy):
    """Momentum and weight decay would move a weight whose gradient is 0."""
    model = functional(every_layer)
    model.compile(keras.optimizers.AdamW(0.01), loss="sparse_categorical_crossentropy")
    (learned,) = (layer for layer in model.layers if isinstance(layer, layers.PReLU))
    x = np.random.default_rng(0).normal(size=(8, 8, 8, 4)).astype("float32")
    alphas = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            alphas.append(np.array(learned.alpha))

    swap = HotSwap("@1 activation=tanh; @2 activation=original", strategy=strategy)
    model.fit(x, np.arange(8) % 3, epochs=3, verbose=0, callbacks=[swap, Look()])
    np.testing.assert_array_equal(alphas[0], alphas[1])
    assert np.any(alphas[2] != alphas[1])


def test_custom_functions_and_layers_with_options_are_choices():
    @keras.saving.register_keras_serializable("tests")
    def halved(x):
        return x / 2

    model = functional(every_layer)
    model.compile("sgd", loss="sparse_categorical_crossentropy")
    x, y = np.ones((4, 8, 8, 4), "float32"), np.zeros(4)
    swap = HotSwap(
        [
            Swap(Epoch(0), (Change("activation", halved),)),
            Swap(Epoch(1), (Change("activation", "LeakyReLU(negative_slope=0.4)"),)),
            Swap(Epoch(2), (Change("activation", "tests>halved"),)),
        ]
    )
    model.fit(x, y, epochs=3, verbose=0, callbacks=[swap])
    assert [r.to for r in swap.swaps] == ["halved", "LeakyReLU(negative_slope=0.4)", "halved"]
    restore(model)
    assert type(model.layers[2]) is layers.ReLU


@pytest.mark.parametrize(
    ("value", "message"),
    [("glu", "turns shape"), ("relux", "unknown activation"), (lambda x: 1 / 0, "fails on")],
)
def test_a_function_that_cannot_be_an_activation_is_refused(value, message):
    model = functional(every_layer)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=message):
        HotSwap([Swap(Epoch(0), (Change("activation", value),))]).check(model)
