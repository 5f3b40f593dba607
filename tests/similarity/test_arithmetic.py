"""Products by NumPy and by `keras.ops` are the same."""

import numpy as np
import pytest

from akp_keras import similarity
from akp_keras.similarity import arithmetic
from akp_keras.similarity.threads import spread

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
    different = ~np.eye(len(some), dtype=bool)
    for id in IDS:
        np.testing.assert_allclose(
            there[id].values[different], here[id].values[different], atol=1e-12, rtol=1e-12
        )
        # An angle of zero is known to half of the digits.
        np.testing.assert_allclose(
            np.diagonal(there[id].values), np.diagonal(here[id].values), atol=1e-7
        )
        assert there[id].values.dtype == np.float64


def test_ranks_do_not_depend_on_what_was_prepared_before():
    pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    some = {
        f"m{i}": rng.normal(size=(30, 5))
        if i % 2 == 0
        else rng.normal(size=(30, 2)) @ rng.normal(size=(2, 5))
        for i in range(4)
    }
    for device in ("cpu", "accelerator"):
        found = similarity.pairwise(some, ["cka.linear"], device=device)["cka.linear"]
        assert found.ranks.tolist() == [5, 2, 5, 2]


def test_float64_is_not_lost_on_the_way():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 unless it is told otherwise")
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(30, 200)), rng.normal(size=(200, 20))
    with arithmetic.use(True):
        there = arithmetic.product(left, right)
        single = arithmetic.product(left.astype(np.float32), right.astype(np.float32))
    assert there.dtype == np.float64
    assert single.dtype == np.float32
    # Only the order of summation differs, which float32 anywhere would exceed by far.
    np.testing.assert_allclose(there, left @ right, rtol=0, atol=1e-13 * np.abs(left @ right).max())


@pytest.mark.parametrize("shape", [(1, 3), (5, 2), (127, 40), (128, 1), (300, 77)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_triangle_is_half_of_the_product(shape, dtype):
    matrix = np.random.default_rng(2).normal(size=shape).astype(dtype)
    expected = np.triu(matrix.astype(np.float64) @ matrix.T.astype(np.float64))
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    whole = arithmetic.gram_triangle(matrix)
    assert whole.dtype == dtype
    np.testing.assert_allclose(whole, expected, atol=tolerance)
    row = 0
    for panel in arithmetic.gram_panels(matrix):
        assert panel.dtype == dtype
        np.testing.assert_allclose(
            np.triu(panel), expected[row : row + len(panel), row:], atol=tolerance
        )
        row += len(panel)
    assert row == len(matrix)


def test_long_rows_are_multiplied_by_stretches():
    rng = np.random.default_rng(3)
    left, right = rng.normal(size=(3, 150_000)), rng.normal(size=(5, 150_000))
    found = arithmetic.product_of_rows(left, right)
    np.testing.assert_allclose(found, left @ right.T, rtol=1e-9, atol=1e-9)
    with spread(2):
        assert (arithmetic.product_of_rows(left, right) == found).all()
        own = arithmetic.product_of_rows(left, left)
    assert (own == own.T).all()


def test_the_seam_is_closed_behind_a_call():
    with arithmetic.use(True), pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError
    assert not arithmetic._ON_ACCELERATOR.get()


def test_unknown_devices_are_named():
    with pytest.raises(ValueError, match="device is one of auto, cpu, accelerator, not 'gpu'"):
        similarity.pairwise({"a": np.eye(3), "b": np.eye(3)}, ["cka.linear"], device="gpu")
