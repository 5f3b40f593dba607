import numpy as np
import pytest
from scipy import stats

from akp_keras.dispersion.pool_ratio import pool_ratio
from akp_keras.dispersion.pools import standings


def test_the_limits_are_those_of_welch():
    rng = np.random.default_rng(0)
    values = {"control": rng.normal(0.9, 0.01, 8), "shock": rng.normal(0.8, 0.03, 5)}
    found = standings(values, "control", 0.01, alpha=0.05)["shock"]
    test = stats.ttest_ind(values["shock"], values["control"], equal_var=False)
    expected = test.confidence_interval(0.9)
    assert found.difference == pytest.approx(np.mean(values["shock"]) - np.mean(values["control"]))
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert found.pool == "unhappy"


def test_single_members_take_the_variance_of_all_seeds():
    values = {"control": [0.90, 0.92, 0.91], "a": [0.90], "b": [0.70, 0.74], "c": [0.88]}
    found = standings(values, "control", 0.02, alpha=0.05)
    variance = (3 * np.var(values["control"]) + 2 * np.var(values["b"])) / 3
    half = stats.t.ppf(0.95, 3) * np.sqrt(variance * (1 + 1 / 3))
    assert found["a"].interval == pytest.approx((-0.01 - half, -0.01 + half))
    assert found["control"].pool == "happy"
    assert {family: standing.pool for family, standing in found.items()}["b"] == "unhappy"
    assert found["c"].pool == "unclear"


def test_no_worse_within_the_margin_is_happy_and_better_is_too():
    seeds = np.array([-0.001, 0.0, 0.001])
    values = {"control": 0.9 + seeds, "same": 0.895 + seeds, "better": 0.95 + seeds}
    found = standings(values, "control", 0.01, alpha=0.05)
    assert [standing.pool for standing in found.values()] == ["happy"] * 3


def test_without_seeds_single_values_are_compared():
    found = standings({"control": [0.9], "a": [0.89], "b": [0.8899]}, "control", 0.01, alpha=0.05)
    assert [standing.pool for standing in found.values()] == ["happy", "happy", "unhappy"]
    assert all(standing.interval is None for standing in found.values())


def test_pools_are_compared_by_the_means_of_their_pairs():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(12, 30)) * np.repeat([1.0, 2.0], 6)[:, None]
    squared = ((points[:, None] - points) ** 2).sum(axis=-1)
    happy, unhappy = np.arange(6), np.arange(6, 12)
    found = pool_ratio(squared, happy, unhappy, 0.95)
    spread = [points[pool].var(axis=0, ddof=1).sum() for pool in (unhappy, happy)]
    assert found.ratio == pytest.approx(np.sqrt(spread[0] / spread[1]))
    assert found.interval[0] < 2 < found.interval[1] and found.interval[0] > 1
    swapped = pool_ratio(squared, unhappy, happy, 0.95)
    assert swapped.ratio == pytest.approx(1 / found.ratio)
    assert swapped.interval == pytest.approx((1 / found.interval[1], 1 / found.interval[0]))


def test_variances_of_seeds_are_compared_by_their_means():
    variances = np.array([1.0, 2.0, 3.0, 8.0, 8.0])
    found = pool_ratio(variances, np.arange(3), np.arange(3, 5), 0.95)
    assert found.ratio == pytest.approx(2.0)
    assert found.interval is None and (found.happy, found.unhappy) == (3, 2)


def test_pools_without_pairs_or_spread():
    squared = 1.0 - np.eye(6)
    assert pool_ratio(squared, np.arange(1), np.arange(1, 6), 0.95) is None
    assert pool_ratio(0 * squared, np.arange(3), np.arange(3, 6), 0.95).ratio is None


def test_the_interval_of_pools_covers():
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(150):
        points = rng.normal(size=(16, 10)) * np.repeat([1.0, 1.5], 8)[:, None]
        squared = ((points[:, None] - points) ** 2).sum(axis=-1)
        lower, upper = pool_ratio(squared, np.arange(8), np.arange(8, 16), 0.95).interval
        held += lower <= 1.5 <= upper
    assert held / 150 >= 0.9
