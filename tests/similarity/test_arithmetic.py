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


def test_keras_gives_what_numpy_gives_and_ranks_do_not_depend_on_what_came_before():
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    common = rng.normal(size=(40, 4))
    some = {
        f"m{i}": common @ rng.normal(size=(4, 6 + i)) + rng.normal(size=(40, 6 + i))
        for i in range(3)
    }
    some["low"] = rng.normal(size=(40, 2)) @ rng.normal(size=(2, 6))
    on_cpu = similarity.pairwise(some, IDS, device="cpu")
    on_keras = similarity.pairwise(some, IDS, device="accelerator")
    different = ~np.eye(len(some), dtype=bool)
    tolerance = 1e-12 if keras.backend.backend() != "jax" else 1e-5
    for id in IDS:
        assert on_cpu[id].ranks.tolist() == [6, 7, 8, 2]
        assert on_keras[id].values.dtype == np.float64
        np.testing.assert_allclose(
            on_keras[id].values[different],
            on_cpu[id].values[different],
            atol=tolerance,
            rtol=tolerance,
        )
        # An angle of zero is known to half of the digits.
        np.testing.assert_allclose(
            np.diagonal(on_keras[id].values),
            np.diagonal(on_cpu[id].values),
            atol=max(1e-7, tolerance),
        )


def test_float64_is_not_lost_on_the_way():
    keras = pytest.importorskip("keras")
    if keras.backend.backend() == "jax":
        pytest.skip("JAX computes in float32 unless it is told otherwise")
    rng = np.random.default_rng(1)
    left, right = rng.normal(size=(30, 200)), rng.normal(size=(200, 20))
    with arithmetic.computing_on(True):
        double = arithmetic.product(left, right)
        single = arithmetic.product(left.astype(np.float32), right.astype(np.float32))
    assert double.dtype == np.float64
    assert single.dtype == np.float32
    # Only the order of summation differs, which float32 anywhere would exceed by far.
    size = np.abs(left @ right).max()
    np.testing.assert_allclose(double, left @ right, rtol=0, atol=1e-13 * size)


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
    table = arithmetic.product_of_rows(left, right)
    np.testing.assert_allclose(table, left @ right.T, rtol=1e-9, atol=1e-9)
    assert (arithmetic.product_of_rows(list(left), list(right)) == table).all()
    with spread(2):
        assert (arithmetic.product_of_rows(left, right) == table).all()
        own = arithmetic.product_of_rows(left, left)
    assert (own == own.T).all()


def test_a_call_that_breaks_off_leaves_products_to_numpy(monkeypatch):
    keras = pytest.importorskip("keras")
    with arithmetic.computing_on(True), pytest.raises(ZeroDivisionError):
        raise ZeroDivisionError

    def refuse(*_):
        raise AssertionError("the product was sent to Keras")

    monkeypatch.setattr(keras.ops, "matmul", refuse)
    assert arithmetic.product(np.ones((1, 2)), np.ones((2, 1))).item() == 2.0


def test_unknown_devices_are_named():
    with pytest.raises(ValueError, match="device is one of auto, cpu, accelerator, not 'gpu'"):
        similarity.pairwise({"a": np.eye(3), "b": np.eye(3)}, ["cka.linear"], device="gpu")
