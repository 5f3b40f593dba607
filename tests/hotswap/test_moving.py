"""Numbers that move, and activations whose parameters do."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akp_keras.hotswap import Change, Epoch, HotSwap, Parametric, Schedule, Swap
from akp_keras.hotswap.moving import Position, parse_number

numbers = st.floats(0.001, 1000)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(["linear", "cosine", "exponential"]),
    numbers,
    numbers,
    st.integers(1, 50),
    st.integers(0, 30),
    st.booleans(),
)
def test_a_ramp_goes_from_its_first_number_to_its_last(shape, first, last, length, begin, is_step):
    unit = "steps" if is_step else "epochs"
    ramp = parse_number(f"{shape}({first}→{last} over {length} {unit})")
    start = Position(begin, begin)

    def at(done):
        # What is not its unit does not move it.
        done = begin + done
        return ramp.at(Position(done, 0) if is_step else Position(0, done), start)

    values = np.array([at(done) for done in range(length + 3)])
    np.testing.assert_allclose(values[0], first)
    np.testing.assert_array_equal(values[length:], last)
    moves = np.diff(values) * np.sign(last - first)
    assert np.all(moves >= -1e-9 * max(first, last))
    part = np.linspace(0, 1, length + 1)
    inside = values[: length + 1]
    if shape == "linear":
        expected = first + (last - first) * part
    elif shape == "exponential":
        expected = np.exp(np.log(first) + (np.log(last) - np.log(first)) * part)
    else:
        expected = last + (first - last) * np.cos(np.pi * part / 2) ** 2
    np.testing.assert_allclose(inside, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("text", ["linear(1)", "cosine(1→x over 2 epochs)", "inf", "nan", "relu"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError):
        parse_number(text)


def build(activation="relu", **options):
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, activation=activation, name=name) for name in "ab"]
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse", **options)
    return model


X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def fit(model, *callbacks, epochs):
    options = {"batch_size": 4, "shuffle": False, "verbose": 0, "validation_data": (X, Y)}
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **options).history


def test_a_blend_over_many_epochs_is_a_variable_and_a_single_trace():
    weight = keras.Variable(0.0, trainable=False)

    def blended(x):
        return (1 - weight) * keras.activations.relu(x) + weight * keras.activations.tanh(x)

    assign = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: weight.assign(min(1.0, epoch / 12))
    )
    # On JAX, a variable outside of the model would be a constant of the trace.
    by_hand = build(blended, run_eagerly=keras.backend.backend() == "jax")
    expected = fit(by_hand, assign, epochs=14)
    for strategy in ("switch", "retrace"):
        schedule = "@0 activation=blend(relu, tanh, linear(0→1 over 12 epochs))"
        swap, model = HotSwap(schedule, strategy=strategy), build()
        history = fit(model, swap, epochs=14)
        for name, values in expected.items():
            np.testing.assert_allclose(history[name], values, rtol=1e-4, err_msg=name)
        for mine, theirs in zip(model.get_weights(), by_hand.get_weights(), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5, err_msg=strategy)
        assert swap.traces == (0 if keras.backend.backend() == "torch" else 1)
        assert model.get_layer("a").activation is keras.activations.tanh


@pytest.mark.parametrize("options", [{}, {"steps_per_execution": 3}, {"run_eagerly": True}])
def test_what_moves_by_steps_is_exact_in_each(options):
    """A factor of the loss, under plain SGD and for a single weight, is the length of its step."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])

    def output(y_true, y_pred):
        return keras.ops.mean(y_pred)

    model.compile(keras.optimizers.SGD(1.0), output, **options)
    before = float(model.get_weights()[0].item())
    ones = np.ones((14, 1), "float32")
    swap = HotSwap("@step:2 loss_weights=linear(1->0 over 4 steps); @step:9 loss_weights=10")
    model.fit(ones, ones, batch_size=1, verbose=0, callbacks=[swap])
    factors = [1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, *[10] * 5]
    np.testing.assert_allclose(before - model.get_weights()[0].item(), sum(factors), rtol=1e-5)


@keras.saving.register_keras_serializable("tests")
def swish(x, beta):
    return x * keras.ops.sigmoid(beta * x)


def test_parametric_activations_survive_config_and_saving(tmp_path):
    value = Parametric(swish, beta="linear(1→2 over 4 epochs)")
    schedule = Schedule((Swap(Epoch(0), (Change("activation", value),)),))
    assert str(schedule) == "@0 activation=swish(beta=linear(1→2 over 4 epochs))"
    again = Schedule.from_config(schedule.get_config())
    assert str(again) == str(schedule)
    model = build()
    fit(model, HotSwap(again), epochs=3)
    hidden = model.get_layer("a")
    z = X @ np.asarray(hidden.kernel) + np.asarray(hidden.bias)
    # In the last epoch, the third, beta was 1.5.
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(hidden(X)), z / (1 + np.exp(-1.5 * z)), rtol=1e-4, atol=1e-6
    )
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5)
