import ml_dtypes
import numpy as np
import pytest

from akp_keras.export.casting import cast_samples


def cast(values, dtype):
    return cast_samples(np.asarray(values), np.dtype(dtype), "SavedModel m")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([[0.0, 255.0]], np.float32), np.uint8),
        (np.array([[0, 255]], np.uint8), np.float32),
        (np.array([[-3, 7]], np.int64), np.int8),
        (np.array([[True, False]]), np.float32),
        (np.array([[0, 1]], np.int64), np.bool_),
        (np.array([[0.5, 1.25]], np.float32), ml_dtypes.bfloat16),
    ],
)
def test_values_that_fit_are_cast_and_are_the_same(values, dtype):
    found = cast(values, dtype)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found.astype(np.float64), values.astype(np.float64))


def test_an_array_of_the_right_dtype_is_itself():
    values = np.ones((2, 3), np.float32)
    assert cast(values, np.float32) is values


def test_floats_are_rounded_to_narrower_floats():
    np.testing.assert_array_equal(cast([[0.1]], np.float32), np.float32([[0.1]]))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), np.uint8),
        (np.array([[0.0, 300.0]], np.float32), np.uint8),
        (np.array([[-1]], np.int64), np.uint8),
        (np.array([[2**53 + 1]], np.int64), np.float32),
        (np.array([[1e300]]), np.float32),
        (np.array([[2]], np.int64), np.bool_),
    ],
)
def test_values_that_would_be_lost_are_refused(values, dtype):
    with pytest.raises(ValueError, match=rf"SavedModel m takes {np.dtype(dtype)}, .* are not all"):
        cast(values, dtype)


def test_text_is_for_models_that_take_text():
    np.testing.assert_array_equal(cast([["a"], ["b"]], object), [["a"], ["b"]])
    with pytest.raises(ValueError, match="takes float32, the probe set holds text"):
        cast([["a"]], np.float32)
    with pytest.raises(ValueError, match="takes text, the probe set holds float64"):
        cast([[1.0]], object)
