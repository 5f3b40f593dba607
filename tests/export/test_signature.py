"""SavedModels that akp_keras did not write."""

import numpy as np
import pytest
import tensorflow as tf

from akp_keras.export import load_representations

SAMPLES = np.random.default_rng(0).normal(size=(11, 5)).astype(np.float32)


@pytest.fixture
def save(tmp_path):
    """Saves a function as the signature of a SavedModel."""

    def write(function, *specifications, signature="serving_default"):
        module = tf.Module()
        module.function = tf.function(function, input_signature=specifications)
        path = tmp_path / "foreign"
        tf.saved_model.save(module, str(path), signatures={signature: module.function})
        return path

    return write


def ask(path, inputs=SAMPLES, **asked):
    return load_representations(path, inputs, signature="serving_default", **asked)


@pytest.mark.parametrize("batch", [1, 4, 32])
def test_a_fixed_batch_size_is_met_and_filled_up(save, batch):
    def function(x):
        assert x.shape[0] == batch
        return {"twice": 2 * x, "same": tf.identity(x)}

    found = ask(save(function, tf.TensorSpec((batch, 5))))
    np.testing.assert_array_equal(found["twice"], 2 * SAMPLES)
    np.testing.assert_array_equal(found["same"], SAMPLES)


def test_several_inputs_are_found_by_name(save):
    path = save(
        lambda left, right: {"sum": left + tf.cast(right, tf.float32)},
        tf.TensorSpec((None, 5), name="left"),
        tf.TensorSpec((None, 5), tf.uint8, name="right"),
    )
    right = np.arange(55).reshape(11, 5)
    found = ask(path, {"right": right, "left": SAMPLES, "not_asked_for": right})
    np.testing.assert_array_equal(found["sum"], SAMPLES + right.astype(np.float32))
    for inputs in (SAMPLES, {"left": SAMPLES}):
        with pytest.raises(ValueError, match=r"foreign takes 2 tensors \(left, right\)"):
            ask(path, inputs)
    with pytest.raises(ValueError, match=r"takes samples of shape \(5,\) as 'right'"):
        ask(path, {"left": SAMPLES, "right": right[:, :2]})


def test_a_dict_of_inputs_is_several_inputs(save):
    path = save(
        lambda x: {"sum": x["left"] + x["right"]},
        {name: tf.TensorSpec((None, 5), name=name) for name in ("left", "right")},
    )
    found = ask(path, {"left": SAMPLES, "right": SAMPLES})
    np.testing.assert_array_equal(found["sum"], 2 * SAMPLES)


def test_integers_are_shown_as_the_signature_wants_them(save):
    path = save(lambda x: {"half": tf.cast(x, tf.float32) / 2}, tf.TensorSpec((None, 5), tf.uint8))
    levels = np.arange(55, dtype=np.float64).reshape(11, 5)
    np.testing.assert_array_equal(ask(path, levels)["half"], levels / 2)
    with pytest.raises(ValueError, match=r"foreign takes uint8, .* are not all uint8"):
        ask(path, levels / 55)


def test_outputs_come_in_natural_order_and_integers_are_numbers(save):
    path = save(
        lambda x: {f"output_{i}": tf.cast(i * x, tf.int32) for i in range(12)},
        tf.TensorSpec((None, 5)),
    )
    assert list(ask(path)) == [f"output_{i}" for i in range(12)]
    assert ask(path, layers=["output_3"])["output_3"].dtype == np.int32


def test_outputs_that_are_no_representations_are_refused(save):
    path = save(
        lambda x: {
            "text": tf.strings.as_string(x),
            "classes": tf.argmax(x, axis=1),
            "features": 2 * x,
        },
        tf.TensorSpec((None, 5)),
    )
    with pytest.raises(ValueError, match=r"'text' of .* is string, .*--layers .*features"):
        ask(path, layers=["text"])
    with pytest.raises(ValueError, match=r"'classes' of .* shape \(11,\) .*--layers"):
        ask(path, layers=["classes"])
    with pytest.raises(ValueError, match=r"no output 'feature'; .*did you mean 'features'"):
        ask(path, layers=["feature"])
    np.testing.assert_array_equal(ask(path, layers=["features"])["features"], 2 * SAMPLES)


def test_features_that_differ_from_batch_to_batch_are_refused(save):
    def function(x):
        positive = tf.reduce_all(x > 0, axis=0)
        return {"positive": tf.boolean_mask(x, positive, axis=1)}

    path = save(function, tf.TensorSpec((None, 5)))
    inputs = np.ones((4, 5), np.float32)
    inputs[3, 0] = -1
    with pytest.raises(ValueError, match="features must be the same for all samples"):
        ask(path, inputs, batch_size=2)


def test_an_input_without_samples_cannot_be_filled(save):
    path = save(
        lambda x, scale: {"scaled": x * scale},
        tf.TensorSpec((None, 5), name="x"),
        tf.TensorSpec((), name="scale"),
    )
    with pytest.raises(ValueError, match=r"input 'scale' of .* is a single number"):
        ask(path, {"x": SAMPLES, "scale": SAMPLES})


def test_bfloat16_is_real_numbers(save):
    path = save(lambda x: {"half": tf.cast(x, tf.bfloat16)}, tf.TensorSpec((None, 5)))
    np.testing.assert_allclose(ask(path)["half"].astype(np.float32), SAMPLES, rtol=1e-2)


def test_a_shape_that_the_signature_leaves_open_takes_any(save):
    path = save(lambda x: {"twice": 2 * x}, tf.TensorSpec(None))
    np.testing.assert_array_equal(ask(path)["twice"], 2 * SAMPLES)
