"""Products by NumPy and by `keras.ops` are the same."""

import numpy as np
import pytest

from akp_keras import similarity
from akp_keras.similarity import arithmetic

IDS = [
    "cka.linear",
    "cka.linear.debiased",
    "cka.rbf",
    "procrustes.angular",
    "cca.mean_squared",
    "rsa.spearman",
    "knn.jaccard[k=5,cosine]",
]


def test_keras_gives_what_numpy_gives():
    pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    common = rng.normal(size=(40, 4))
    some = {
        f"m{i}": common @ rng.normal(size=(4, 6 + i)) + rng.normal(size=(40, 6 + i))
        for i in range(4)
    }
    here = similarity.pairwise(some, IDS, device="cpu")
    there = similarity.pairwise(some, IDS, device="accelerator")
    for id in IDS:
        np.testing.assert_allclose(there[id].values, here[id].values, atol=1e-7)
        assert there[id].values.dtype == np.float64


def test_the_seam_is_closed_behind_a_call():
    with arithmetic.use(True), pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    assert not arithmetic._ON_ACCELERATOR.get()


def test_unknown_devices_are_named():
    with pytest.raises(ValueError, match="device is one of auto, cpu, accelerator, not 'gpu'"):
        similarity.pairwise({"a": np.eye(3), "b": np.eye(3)}, ["cka.linear"], device="gpu")
