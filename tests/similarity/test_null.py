"""The row-permutation null, and scores calibrated by it."""

import numpy as np
import pytest
import scipy.stats

from akp_keras import similarity
from akp_keras.similarity import packing
from akp_keras.similarity.null import permutation_orders
from akp_keras.similarity.rows import Rows, gather


@pytest.fixture
def representations():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(40, 3))
    return {
        "a": common @ rng.normal(size=(3, 8)) + 0.5 * rng.normal(size=(40, 8)),
        "b": common @ rng.normal(size=(3, 5)) + 0.5 * rng.normal(size=(40, 5)),
        "c": rng.normal(size=(40, 30)),
    }


def values_of_orders(x, y, ids, orders):
    """Each measure's values of x with y in each order."""
    columns = {str(k): y[order] for k, order in enumerate(orders)}
    results = similarity.pairwise({"x": x}, ids, columns=columns)
    return {id: results[id].values[0] for id in ids}


def test_the_null_is_that_of_permuted_rows(representations):
    ids = ["cka.linear", "procrustes.angular", "knn.jaccard[k=5,cosine]", "cca.pwcca"]
    results = similarity.pairwise(representations, ids, null=30, seed=4)
    x, y = representations["a"], representations["c"]
    for id, values in values_of_orders(x, y, ids, permutation_orders(30, 40, 4)).items():
        null = results[id].null
        assert null.permutations == 30
        assert null.mean[0, 2] == pytest.approx(np.mean(values), rel=1e-6)
        assert null.deviation[0, 2] == pytest.approx(np.std(values, ddof=1), rel=1e-5)
        actual = similarity.compare(x, y, id)
        larger = similarity.measure(id).larger_is_more_similar
        as_similar = sum((v >= actual) if larger else (v <= actual) for v in values)
        assert null.pvalues[0, 2] == pytest.approx((1 + as_similar) / 31)


def test_related_pairs_are_told_from_unrelated(representations):
    ids = ["cka.linear", "cka.linear.debiased", "procrustes.angular", "rsa.spearman"]
    for result in similarity.pairwise(representations, ids, null=99, seed=1).values():
        assert result.null.pvalues[0, 1] == pytest.approx(0.01)
        assert result.null.pvalues[0, 2] > 0.02
        np.testing.assert_array_equal(result.null.pvalues, result.null.pvalues.T)


def test_pvalues_of_independent_data_are_uniform():
    rng = np.random.default_rng(3)
    pvalues = []
    for seed in range(4):
        some = {f"r{i}": rng.normal(size=(15, 4)) for i in range(8)}
        null = similarity.pairwise(some, ["cka.linear"], null=49, seed=seed)["cka.linear"].null
        pvalues.extend(null.pvalues[np.triu_indices(8, 1)])
    assert scipy.stats.kstest(pvalues, "uniform").pvalue > 0.01


def test_whole_samples_are_permuted_where_positions_are_samples():
    pvalues = []
    rng = np.random.default_rng(0)
    for seed in range(2):
        # Smooth maps: positions of one sample are nearly equal.
        maps = {
            f"m{i}": rng.normal(size=(12, 1, 1, 3)) + 0.1 * rng.normal(size=(12, 4, 4, 3))
            for i in range(7)
        }
        id = "cka.linear.debiased"
        result = similarity.pairwise(maps, [id], spatial="positions", null=39, seed=seed)
        pvalues.extend(result[id].null.pvalues[np.triu_indices(7, 1)])
    # Of 42 tests at 5 %, more than 7 reject with a probability of 0.1 %.
    assert np.sum(np.array(pvalues) <= 0.05) <= 7


def test_rows_of_one_sample_stay_together():
    orders = permutation_orders(5, 4, 0, positions=3)
    assert orders.shape == (5, 12)
    blocks = orders.reshape(5, 4, 3)
    np.testing.assert_array_equal(blocks % 3, np.broadcast_to(np.arange(3), (5, 4, 3)))
    np.testing.assert_array_equal(blocks[:, :, 0] // 3, permutation_orders(5, 4, 0))
    shapes = {"x": (2, 3, 1, 2), "y": (3, 2, 1, 2)}
    some = {name: np.random.default_rng(0).normal(size=shape) for name, shape in shapes.items()}
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
    results = similarity.pairwise({"x": x}, TIES, columns={"y": y}, null=80, seed=0)
    drawn = values_of_orders(x, y, TIES, permutation_orders(80, 5, 0))
    for id, values in drawn.items():
        sign = 1 if similarity.measure(id).larger_is_more_similar else -1
        actual = similarity.compare(x, y, id)
        slack = 1e-6 * np.abs(values).max() if id != "hsic.linear.unbiased" else 1e-9 * scale**4
        expected = (1 + np.sum(sign * (values - actual) >= -slack)) / 81
        assert results[id].null.pvalues[0, 0] == pytest.approx(expected), id


def test_where_every_value_is_the_same_p_is_one():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 200))
    ids = ["cca.mean", "cca.mean_squared", "cca.angular", "regression.linear"]
    for precision in ("float64", "float32"):
        results = similarity.pairwise({"x": x, "y": y}, ids, null=49, precision=precision)
        for id in ids:
            np.testing.assert_array_equal(results[id].null.pvalues, 1.0)


def test_the_null_does_not_depend_on_memory():
    rng = np.random.default_rng(0)
    some = {f"r{i}": rng.integers(0, 3, (8, 2)).astype(float) for i in range(4)}
    whole = similarity.pairwise(some, TIES[:3], null=60)
    in_blocks = similarity.pairwise(some, TIES[:3], null=60, memory_gb=1e-7)
    for id in TIES[:3]:
        np.testing.assert_array_equal(in_blocks[id].null.pvalues, whole[id].null.pvalues)
        np.testing.assert_allclose(in_blocks[id].null.mean, whole[id].null.mean, rtol=1e-9)


def test_without_a_null_there_is_none(representations):
    assert similarity.pairwise(representations, ["cka.linear"])["cka.linear"].null is None


@pytest.mark.parametrize("n", [2, 3, 7, 50])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_of_a_packed_matrix_are_the_packing_of_the_rows(n, dtype):
    rng = np.random.default_rng(n)
    square = rng.normal(size=(n, n))
    matrix = (square + square.T).astype(dtype)

    def packed(matrix, pack, length):
        vector = np.empty(length(len(matrix)), dtype=dtype)
        pack([matrix], vector)
        return vector

    ways = {
        "packed": (packing.pack_panels, packing.packed_length),
        "hollow": (packing.pack_panels_hollow, packing.hollow_length),
    }
    subset = rng.permutation(n)[: max(n - 3, 2)]
    for indices in (*permutation_orders(3, n, n), np.sort(subset)):
        rows = Rows(indices, n)
        for layout, (pack, length) in ways.items():
            taken = gather(packed(matrix, pack, length), layout, rows)
            assert taken.dtype == dtype
            expected = packed(matrix[np.ix_(indices, indices)], pack, length)
            np.testing.assert_array_equal(taken, expected)


def test_the_null_by_gathers_is_that_of_permuted_representations():
    # Kernels and ranks do not round otherwise when their samples are permuted: only sums do.
    ids = ["cka.rbf", "rsa.spearman", "distance_correlation", "gram.relative"]
    rng = np.random.default_rng(6)
    some = {name: rng.normal(size=(25, width)) for name, width in (("a", 4), ("b", 7), ("c", 5))}
    results = similarity.pairwise(some, ids, null=6, seed=2)
    orders = permutation_orders(6, 25, 2)
    for i, j in ((0, 1), (1, 2)):
        for id, values in values_of_orders(some["abc"[i]], some["abc"[j]], ids, orders).items():
            null = results[id].null
            assert null.mean[i, j] == pytest.approx(np.mean(values), rel=1e-12)
            assert null.deviation[i, j] == pytest.approx(np.std(values, ddof=1), rel=1e-9)


# --- calibrated scores -------------------------------------------------------------------------


def test_calibrated_scores_do_not_rise_with_width():
    rng = np.random.default_rng(0)
    unrelated = {f"{w}/{i}": rng.normal(size=(30, w)) for w in (5, 300) for i in range(2)}
    ids = ["cka.linear", "procrustes.angular", "knn.mutual[k=5,cosine]"]
    results = similarity.pairwise(unrelated, ids, null=40, seed=1)
    narrow, wide = (0, 1), (2, 3)
    cka = results["cka.linear"]
    assert cka.values[wide] - cka.values[narrow] > 0.5
    for result in results.values():
        scores = result.calibrated()
        for pair in (narrow, wide):
            assert abs(scores[pair]) < 6 * abs(result.null.deviation[pair])
        np.testing.assert_allclose(np.diagonal(scores), 1.0, atol=1e-6)


def test_calibrated_distances_are_those_over_the_distance_of_the_null(representations):
    ids = ["cka.linear", "procrustes.angular", "knn.jaccard[k=5,cosine]"]
    results = similarity.pairwise(representations, ids, null=20)
    for id in ids:
        result = results[id]
        d = result.distance(calibrated=True)
        np.testing.assert_array_equal(np.diagonal(d), 0.0)
        np.testing.assert_array_equal(d, d.T)
        share = result.calibrated()[0, 1]
        # Of a chord the square is linear in the value, other forms are linear themselves.
        assert (d[0, 1] ** 2 if id == "cka.linear" else d[0, 1]) == pytest.approx(1 - share)
        assert d[0, 1] < 0.8 < d[0, 2]
    x, y = representations["a"], representations["b"]
    comparison = similarity.compare(x, y, "cka.linear", null=20)
    assert comparison.calibrated == pytest.approx(results["cka.linear"].calibrated()[0, 1])
    assert comparison.pvalue == results["cka.linear"].null.pvalues[0, 1]


def test_what_cannot_be_calibrated_says_so(representations):
    plain = similarity.pairwise(representations, ["cka.linear"])["cka.linear"]
    for call in (plain.calibrated, lambda: plain.distance(calibrated=True)):
        with pytest.raises(ValueError, match="pass null= with the number of permutations"):
            call()
    regularised = similarity.pairwise(representations, ["cca.regularised"], null=2)
    with pytest.raises(ValueError, match="has no calibrated form"):
        regularised["cca.regularised"].calibrated()
