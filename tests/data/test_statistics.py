import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from akp_keras.data import Split, train_statistics


def split_of(inputs):
    inputs = np.asarray(inputs, dtype=np.float32)
    n = len(inputs)
    return Split(inputs=inputs, labels=np.zeros(n, np.int64), ids=np.arange(n).astype(str))


def test_measurements_as_scikit_learn_scales_them():
    inputs = np.random.default_rng(0).normal(5.0, 2.0, (50, 4))
    mean, variance = train_statistics(split_of(inputs))
    scaler = StandardScaler().fit(inputs)
    np.testing.assert_allclose(mean, scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(variance, scaler.var_, rtol=1e-5)


def test_images_have_one_mean_a_channel():
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3))
    mean, variance = train_statistics(split_of(images))
    np.testing.assert_allclose(mean, images.reshape(-1, 3).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, images.reshape(-1, 3).var(axis=0), rtol=1e-6)
    assert mean.dtype == variance.dtype == np.float32


def test_a_large_offset_does_not_drown_the_variance():
    inputs = np.tile(np.array([[1e6], [1e6 + 1]], np.float32), (100_000, 1))
    _, variance = train_statistics(split_of(inputs))
    assert variance[0] == pytest.approx(0.25, rel=1e-6)


def test_refuses_no_samples_and_values_that_are_not_finite():
    with pytest.raises(ValueError, match="empty"):
        train_statistics(split_of(np.empty((0, 3))))
    with pytest.raises(ValueError, match="not finite"):
        train_statistics(split_of([[1.0, np.nan]]))
