"""The row-permutation null."""

import numpy as np
import pytest
import scipy.stats

from akp_keras import similarity
from akp_keras.similarity.inner_product import pack, pack_off_diagonal
from akp_keras.similarity.null import permutation_orders
from akp_keras.similarity.permutation_index import permute_packed


@pytest.fixture
def representations():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(40, 3))
    return {
        "a": common @ rng.normal(size=(3, 8)) + 0.5 * rng.normal(size=(40, 8)),
        "b": common @ rng.normal(size=(3, 5)) + 0.5 * rng.normal(size=(40, 5)),
        "c": rng.normal(size=(40, 30)),
    }


@pytest.mark.parametrize(
    "id", ["cka.linear", "procrustes.angular", "knn.jaccard[k=5,cosine]", "cca.pwcca"]
)
def test_the_null_is_that_of_permuted_rows(representations, id):
    result = similarity.pairwise(representations, [id], null=30, seed=4)[id]
    orders = permutation_orders(30, 40, 4)
    x, y = representations["a"], representations["c"]
    values = [similarity.compare(x, y[order], id) for order in orders]
    assert result.null.permutations == 30
    assert result.null.mean[0, 2] == pytest.approx(np.mean(values), rel=1e-6)
    assert result.null.deviation[0, 2] == pytest.approx(np.std(values, ddof=1), rel=1e-5)
    actual = similarity.compare(x, y, id)
    larger = similarity.measure(id).larger_is_more_similar
    as_similar = sum((v >= actual) if larger else (v <= actual) for v in values)
    assert result.null.pvalues[0, 2] == pytest.approx((1 + as_similar) / 31)


def test_related_pairs_are_told_from_unrelated(representations):
    ids = ["cka.linear", "cka.linear.debiased", "procrustes.angular", "rsa.spearman"]
    for result in similarity.pairwise(representations, ids, null=99, seed=1).values():
        assert result.null.pvalues[0, 1] == pytest.approx(0.01)
        assert result.null.pvalues[0, 2] > 0.02
        np.testing.assert_array_equal(result.null.pvalues, result.null.pvalues.T)


def test_the_null_does_not_depend_on_blocks(representations):
    one = similarity.pairwise(representations, ["cka.linear"], null=20)["cka.linear"].null
    many = similarity.pairwise(representations, ["cka.linear"], null=20, memory_gb=1e-6)
    np.testing.assert_allclose(many["cka.linear"].null.mean, one.mean, rtol=1e-9)


def test_pvalues_of_independent_data_are_uniform():
    rng = np.random.default_rng(3)
    found = []
    for seed in range(120):
        x, y = rng.normal(size=(2, 15, 4))
        result = similarity.pairwise({"x": x, "y": y}, ["cka.linear"], null=49, seed=seed)
        found.append(result["cka.linear"].null.pvalues[0, 1])
    assert scipy.stats.kstest(found, "uniform").pvalue > 0.01


def test_whole_samples_are_permuted_where_positions_are_samples():
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        # Smooth maps: positions of one sample are nearly equal.
        maps = [rng.normal(size=(12, 1, 1, 3)) + 0.1 * rng.normal(size=(12, 4, 4, 3)) for _ in "xy"]
        result = similarity.pairwise(
            dict(zip("xy", maps, strict=True)),
            ["cka.linear.debiased"],
            spatial="positions",
            null=39,
            seed=seed,
        )
        found.append(result["cka.linear.debiased"].null.pvalues[0, 1])
    # Of 40 tests at 5 %, more than 7 reject with a probability of 0.1 %.
    assert np.sum(np.array(found) <= 0.05) <= 7


def test_rows_of_one_sample_stay_together():
    orders = permutation_orders(5, 4, 0, positions=3)
    assert orders.shape == (5, 12)
    blocks = orders.reshape(5, 4, 3)
    np.testing.assert_array_equal(blocks % 3, np.broadcast_to(np.arange(3), (5, 4, 3)))
    np.testing.assert_array_equal(blocks[:, :, 0] // 3, permutation_orders(5, 4, 0))
    some = {"x": np.zeros((2, 3, 1, 2)), "y": np.zeros((3, 2, 1, 2))}
    some = {name: np.random.default_rng(0).normal(size=v.shape) for name, v in some.items()}
    with pytest.raises(ValueError, match="'y' has 2 positions a sample, 'x' has 3"):
        similarity.pairwise(some, ["cka.linear"], spatial="positions")


TIES = (
    "cka.linear",
    "cka.linear.debiased",
    "cka.rbf",
    "hsic.linear",
    "hsic.linear.unbiased",
    "gram.euclidean",
    "rsa.pearson[euclidean]",
    "distance_correlation",
    "distance_matrix.stress",
    "cca.mean",
    "cca.angular",
    "procrustes.angular",
    "procrustes.size_and_shape",
    "matching.hard",
)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
@pytest.mark.parametrize("seed", [1, 2])
def test_equal_values_count_as_reached_whatever_their_rounding(seed, scale):
    rng = np.random.default_rng(seed)
    x, y = scale * rng.integers(0, 3, (2, 5, 2))
    results = similarity.pairwise({"x": x, "y": y}, TIES, null=80, seed=0)
    orders = permutation_orders(80, 5, 0)
    for id in TIES:
        sign = 1 if similarity.measure(id).larger_is_more_similar else -1
        values = np.array([similarity.compare(x, y[order], id) for order in orders])
        actual = similarity.compare(x, y, id)
        slack = 1e-6 * np.abs(values).max() if id != "hsic.linear.unbiased" else 1e-9 * scale**4
        expected = (1 + np.sum(sign * (values - actual) >= -slack)) / 81
        assert results[id].null.pvalues[0, 1] == pytest.approx(expected), id


def test_where_every_value_is_the_same_p_is_one():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 200))
    ids = ["cca.mean", "cca.mean_squared", "cca.angular", "regression.linear"]
    for precision in ("float64", "float32"):
        results = similarity.pairwise({"x": x, "y": y}, ids, null=49, precision=precision)
        for id in ids:
            np.testing.assert_array_equal(results[id].null.pvalues, 1.0)


def test_pvalues_do_not_depend_on_memory():
    rng = np.random.default_rng(0)
    some = {f"r{i}": rng.integers(0, 3, (8, 2)).astype(float) for i in range(6)}
    one = similarity.pairwise(some, TIES[:3], null=60)
    many = similarity.pairwise(some, TIES[:3], null=60, memory_gb=1e-7)
    for id in TIES[:3]:
        np.testing.assert_array_equal(many[id].null.pvalues, one[id].null.pvalues)


def test_measures_that_ignore_the_order_have_no_null(representations):
    with pytest.raises(ValueError, match="'magnitude' has no row-permutation null"):
        similarity.pairwise(representations, ["magnitude"], null=10)


def test_without_a_null_there_is_none(representations):
    assert similarity.pairwise(representations, ["cka.linear"])["cka.linear"].null is None


@pytest.mark.parametrize("n", [2, 3, 7, 50])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_permuting_a_packed_matrix_is_packing_the_permuted_one(n, dtype):
    rng = np.random.default_rng(n)
    square = rng.normal(size=(n, n))
    matrix = (square + square.T).astype(dtype)
    for order in permutation_orders(4, n, n):
        permuted = matrix[np.ix_(order, order)]
        for pack_one, with_diagonal in ((pack, True), (pack_off_diagonal, False)):
            found = permute_packed(pack_one(matrix), order, with_diagonal)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, pack_one(permuted))


@pytest.mark.parametrize("id", ["cka.rbf", "rsa.spearman", "distance_correlation", "gram.relative"])
def test_the_null_by_gathers_is_that_of_permuted_representations(id):
    # Kernels and ranks do not round otherwise when their samples are permuted: only sums do.
    rng = np.random.default_rng(6)
    some = {name: rng.normal(size=(25, width)) for name, width in (("a", 4), ("b", 7), ("c", 5))}
    null = similarity.pairwise(some, [id], null=6, seed=2)[id].null
    orders = permutation_orders(6, 25, 2)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        x, y = (some["abc"[k]] for k in (i, j))
        values = [similarity.compare(x, y[order], id) for order in orders]
        assert null.mean[i, j] == pytest.approx(np.mean(values), rel=1e-12)
        assert null.deviation[i, j] == pytest.approx(np.std(values, ddof=1), rel=1e-9)
