import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import f_oneway, kstest

from akp_keras.dispersion.centroids import squared_distances_to_centroid
from akp_keras.dispersion.heterogeneity import (
    analysis_of_variance,
    family_distances,
    permuted_statistics,
)
from akp_keras.dispersion.westfall_young import permutation_pvalues


def pvalue(points, sizes, rng, permutations=99):
    squared = squareform(pdist(points, "sqeuclidean"))
    statistics = permuted_statistics([squared], np.array(sizes), permutations, rng)
    return permutation_pvalues(statistics)[0].item()


def test_analysis_of_variance_is_that_of_scipy():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 18)) + 3
    found = analysis_of_variance(values, np.array([5, 6, 7]))
    expected = [f_oneway(*np.split(row, [5, 11])).statistic for row in values]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_analysis_of_variance_of_constant_values():
    sizes = np.array([2, 3])
    assert analysis_of_variance(np.full(5, 0.1), sizes) == 0.0
    assert analysis_of_variance(np.zeros(5), sizes) == 0.0
    assert analysis_of_variance(np.array([0.1, 0.1, 0.3, 0.3, 0.3]), sizes) == np.inf


def test_permuted_statistics_follow_from_coordinates():
    # A slow reference from coordinates, with a permutation drawn by the same generator.
    rng = np.random.default_rng(1)
    sizes = np.array([5, 5, 8])
    points = rng.normal(size=(18, 3)) + np.repeat(np.diag([4.0, 9, 2]), sizes, axis=0)
    squared = squareform(pdist(points, "sqeuclidean"))
    found = permuted_statistics([squared], sizes, 7, np.random.default_rng(5))[0]

    def adjusted_residuals(part):
        return (part - part.mean(axis=0)) * np.sqrt(len(part) / (len(part) - 1))

    def statistic(groups):
        return f_oneway(*[np.linalg.norm(adjusted_residuals(g), axis=1) for g in groups]).statistic

    groups = np.split(points, [5, 10])
    residuals = np.concatenate([adjusted_residuals(group) for group in groups])
    orders = np.random.default_rng(5).permuted(np.tile(np.arange(18), (7, 1)), axis=1)
    expected = [statistic(groups)]
    expected += [statistic(np.split(residuals[order], [5, 10])) for order in orders]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_blocks_of_permutations_do_not_show():
    rng = np.random.default_rng(2)
    squared = squareform(pdist(rng.normal(size=(10, 3)), "sqeuclidean"))
    sizes = np.array([4, 6])
    short = permuted_statistics([squared], sizes, 200, np.random.default_rng(0))
    long = permuted_statistics([squared, squared], sizes, 600, np.random.default_rng(0))
    np.testing.assert_array_equal(long[0, :201], short[0])
    np.testing.assert_array_equal(long[0], long[1])


def test_family_distances_are_those_of_each_family_alone():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(9, 4))
    squared = squareform(pdist(points, "sqeuclidean"))
    found = family_distances(squared, np.array([4, 5]))
    first = np.sqrt(4 / 3 * squared_distances_to_centroid(squared[:4, :4]))
    np.testing.assert_allclose(found[:4], first)
    second = np.linalg.norm(points[4:] - points[4:].mean(axis=0), axis=1) * np.sqrt(5 / 4)
    np.testing.assert_allclose(found[4:], second)


def test_pvalues_are_uniform_where_families_do_not_differ():
    rng = np.random.default_rng(4)
    far_apart = np.repeat(rng.normal(0, 5, size=(4, 20)), 8, axis=0)
    found = [pvalue(far_apart + rng.normal(size=(32, 20)), [8] * 4, rng) for _ in range(400)]
    # Continuous between the steps of 1/100 that 99 permutations leave.
    smooth = np.array(found) - rng.uniform(0, 0.01, size=400)
    assert kstest(smooth, "uniform").pvalue > 0.01


@pytest.mark.parametrize("sizes", [(4, 8, 12, 20), (5,) * 6])
def test_unbalanced_far_apart_families_keep_the_level(sizes):
    # The design on which permuting residuals rejects about one time in five.
    rng = np.random.default_rng(5)
    rejections = 0
    for _ in range(400):
        centres = np.repeat(rng.normal(0, 5, size=(len(sizes), 20)), sizes, axis=0)
        points = centres + rng.normal(size=(sum(sizes), 20))
        rejections += pvalue(points, sizes, rng) <= 0.05
    assert 0.01 <= rejections / 400 <= 0.08


def test_half_as_much_again_is_seen_with_eight_members():
    rng = np.random.default_rng(6)
    scales = np.repeat([1.0, 1.0, 1.0, 1.5], 8)[:, None]
    found = [pvalue(scales * rng.normal(size=(32, 20)), [8] * 4, rng) for _ in range(100)]
    assert np.mean(np.array(found) <= 0.05) >= 0.8
