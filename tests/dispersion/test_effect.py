import math

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import GammaRegressor

from akp_keras.dispersion.effect import effect_of


def draw(seed, ratio=1.5, families=30, freedom=8):
    """Squared spreads whose root grows by a ratio for each ten points lost."""
    rng = np.random.default_rng(seed)
    generalisation = np.linspace(0.9, 0.5, families)
    mean = ratio ** (2 * (0.9 - generalisation) / 0.1)
    return generalisation, mean * rng.chisquare(freedom, size=families) / freedom


def without_each(squared):
    return np.where(np.eye(len(squared), dtype=bool), np.nan, squared)


def fit(generalisation, squared, per=0.1, level=0.95):
    return effect_of(generalisation, squared, without_each(squared), per=per, level=level)


def test_the_slope_is_that_of_a_gamma_regression():
    generalisation, squared = draw(0)
    model = GammaRegressor(alpha=0, tol=1e-10, max_iter=10_000)
    model.fit((0.9 - generalisation)[:, None], squared)
    assert fit(generalisation, squared).slope == pytest.approx(model.coef_[0], rel=1e-4)


def test_the_interval_is_the_jackknife():
    generalisation, squared = draw(1, families=10)
    found = fit(generalisation, squared)
    slopes = [
        fit(np.delete(generalisation, place), np.delete(squared, place)).slope
        for place in range(10)
    ]
    error = math.sqrt(9 / 10 * np.sum((slopes - np.mean(slopes)) ** 2))
    assert found.standard_error == pytest.approx(error, rel=1e-8)
    half = stats.t.ppf(0.975, 8) * error
    expected = [math.exp((found.slope + sign * half) * found.loss / 2) for sign in (-1, 1)]
    assert found.interval == pytest.approx(expected)
    assert found.over(found.loss) == pytest.approx((found.ratio, *found.interval))
    assert found.over(0.2)[0] == pytest.approx(found.ratio ** (0.2 / found.loss))


def test_the_interval_covers():
    held = 0
    for seed in range(200):
        lower, upper = fit(*draw(seed, ratio=1.3)).interval
        held += lower <= 1.3 <= upper
    assert 0.9 <= held / 200 <= 0.99


def test_the_unit_of_spread_does_not_matter_and_zeros_are_left_in():
    generalisation, squared = draw(2)
    found = fit(generalisation, squared)
    assert fit(generalisation, 1e-30 * squared).ratio == pytest.approx(found.ratio)
    squared[3] = 0.0
    assert fit(generalisation, squared).ratio != pytest.approx(found.ratio, rel=1e-3)
    negative = squared.copy()
    negative[3] = -5.0
    assert fit(generalisation, negative) == fit(generalisation, squared)


def test_no_ratio_goes_beyond_the_quartiles_of_the_design():
    generalisation, squared = draw(3)
    assert fit(generalisation, squared).loss == 0.1
    narrow = 0.9 - (0.9 - generalisation) / 10
    found = fit(narrow, squared)
    assert found.loss == pytest.approx(found.interquartile_range)
    assert found.loss == pytest.approx(0.02, abs=1e-3)


def test_a_smaller_ratio_is_detectable_with_more_families():
    few, many = (fit(*draw(4, families=count)).smallest_detectable for count in (12, 60))
    assert few > many > 1


@pytest.mark.parametrize(
    ("generalisation", "squared"),
    [
        (np.full(8, 0.7), np.arange(1.0, 9.0)),
        (np.linspace(0.5, 0.9, 8), np.zeros(8)),
        (np.linspace(0.5, 0.9, 8), np.array([0, 0, 1.0, 0, 0, 0, 0, 0])),
        # The likelihood grows with the slope without end.
        (np.linspace(0.5, 0.9, 8), np.array([1.0, 2, 0.5, 0, 0, 0, 0, 0])),
    ],
)
def test_nothing_to_fit(generalisation, squared):
    assert fit(generalisation, squared) is None


def test_spreads_of_any_magnitude_have_a_slope():
    generalisation = np.linspace(0.5, 0.9, 8)
    squared = 10.0 ** np.linspace(0, -100, 8)
    assert fit(generalisation, squared).slope == pytest.approx(100 * np.log(10) / 0.4, rel=1e-6)


def test_no_interval_where_leaving_one_out_leaves_nothing():
    squared = np.array([0, 0, 1.0, 0, 0, 2.0, 0, 0])
    found = fit(np.linspace(0.5, 0.9, 8), squared)
    assert math.isfinite(found.ratio)
    assert found.interval is None and found.smallest_detectable is None and found.over(0.1) is None
