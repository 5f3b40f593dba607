import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from akp_keras.dispersion.residual_test import (
    Hypothesis,
    SeedSpread,
    permuted_correlations,
    rank_correlations,
    residual_spread,
)
from akp_keras.dispersion.trend import leverage, location_trend


def points_of(seed, families=12, dimensions=4):
    rng = np.random.default_rng(seed)
    generalisation = np.sort(rng.uniform(0.5, 0.9, families))
    trend = np.outer(generalisation, rng.normal(size=dimensions)) * 10
    return generalisation, trend + rng.normal(size=(families, dimensions))


def squared_distances(points):
    return squareform(pdist(points, "sqeuclidean"))


def test_spreads_are_those_of_the_residuals_of_points():
    generalisation, points = points_of(0)
    basis = location_trend(generalisation)
    design = np.column_stack([np.ones(12), generalisation])
    residuals = points - design @ np.linalg.lstsq(design, points, rcond=None)[0]
    expected = (residuals**2).sum(axis=1) / (1 - leverage(basis))
    np.testing.assert_allclose(residual_spread(squared_distances(points), basis).values, expected)


@pytest.mark.parametrize("curved", [False, True])
def test_permuted_spreads_are_those_of_permuted_points(curved):
    # A slow reference from coordinates.
    generalisation, points = points_of(1, families=16)
    basis = location_trend(generalisation, curved=curved)
    spread = residual_spread(squared_distances(points), basis)
    slack = 1 - leverage(basis)
    scaled = (points - basis @ (basis.T @ points)) / np.sqrt(slack)[:, None]
    orders = np.array([np.random.default_rng(seed).permutation(16) for seed in range(5)])
    expected = []
    for order in orders:
        dealt = scaled[order]
        expected.append(((dealt - basis @ (basis.T @ dealt)) ** 2).sum(axis=1) / slack)
    np.testing.assert_allclose(spread.permuted(orders), expected, rtol=1e-9)


def test_location_that_follows_generalisation_is_no_spread():
    generalisation, points = points_of(2)
    moved = points + np.outer(generalisation, [100.0, 0, 0, -50.0])
    basis = location_trend(generalisation)
    np.testing.assert_allclose(
        residual_spread(squared_distances(moved), basis).values,
        residual_spread(squared_distances(points), basis).values,
        rtol=1e-6,
    )


def test_correlations_are_those_of_scipy():
    rng = np.random.default_rng(3)
    scores = rng.normal(size=9)
    squared = rng.uniform(size=(4, 9))
    expected = [spearmanr(scores, row).statistic for row in squared]
    ranks = np.sign(scores[:, None] - scores).sum(axis=1)
    np.testing.assert_allclose(rank_correlations(ranks, squared), expected)
    tied = np.round(squared, 1)
    expected = [spearmanr(scores, row).statistic for row in tied]
    np.testing.assert_allclose(rank_correlations(ranks, tied), expected)


def test_negative_spreads_are_ties_and_equal_ones_no_order():
    ranks = np.array([-3.0, -1.0, 1.0, 3.0])
    np.testing.assert_array_equal(
        rank_correlations(ranks, np.array([[-1.0, -2.0, 1.0, 2.0]])),
        rank_correlations(ranks, np.array([[0.0, 0.0, 1.0, 2.0]])),
    )
    assert rank_correlations(ranks, np.array([[0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2]]))[0] == 0.0
    assert rank_correlations(np.zeros(4), np.arange(4.0)[None])[0] == 0.0


def test_hypotheses_about_the_same_families_see_the_same_permutations():
    generalisation, points = points_of(4)
    spread = residual_spread(squared_distances(points), location_trend(generalisation))
    everyone, some = np.arange(12), np.arange(0, 12, 2)
    scores = np.arange(12.0)
    hypotheses = [
        Hypothesis(spread, scores, everyone),
        Hypothesis(spread, scores, everyone),
        Hypothesis(SeedSpread(spread.values[some]), scores[some], some),
    ]
    found = permuted_correlations(hypotheses, 12, 300, np.random.default_rng(0))
    np.testing.assert_array_equal(found[0], found[1])
    alone = permuted_correlations(hypotheses[2:], 12, 300, np.random.default_rng(0))
    np.testing.assert_array_equal(found[2], alone[0])
    assert (np.abs(found) <= 1).all()
