import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras.dispersion.ratios import DispersionRatio, dispersion_ratio, largest_effect


def family(members, scale=1.0, seed=0, dimensions=10):
    points = scale * np.random.default_rng(seed).normal(size=(members, dimensions))
    return squareform(pdist(points, "sqeuclidean"))


def test_a_family_scaled_is_the_log_of_the_scale():
    found = dispersion_ratio(family(8, 3.0), family(8))
    assert found.log_ratio == pytest.approx(math.log(3))
    lower, upper = found.interval
    assert lower < math.log(3) < upper
    assert (lower + upper) / 2 == pytest.approx(math.log(3))


def test_exchanging_family_and_control_changes_the_sign():
    one, other = family(6, 2.0, seed=1), family(9, seed=2)
    forth, back = dispersion_ratio(one, other), dispersion_ratio(other, one)
    assert forth.log_ratio == pytest.approx(-back.log_ratio)
    assert forth.interval == pytest.approx((-back.interval[1], -back.interval[0]))


def test_higher_level_is_wider_and_more_members_are_narrower():
    def width(members, level):
        found = dispersion_ratio(family(members, seed=3), family(members, seed=4), level)
        assert found.level == level
        return found.interval[1] - found.interval[0]

    assert width(8, 0.99) > width(8, 0.95) > width(8, 0.8)
    assert width(40, 0.95) < width(8, 0.95)


@pytest.mark.parametrize("members", [5, 12])
def test_coverage(members):
    held = 0
    for seed in range(300):
        one, other = family(members, seed=seed), family(members, 1.5, seed=seed + 1000)
        lower, upper = dispersion_ratio(one, other).interval
        held += lower <= math.log(1 / 1.5) <= upper
    assert held / 300 >= 0.92


def test_identical_members():
    nothing = np.zeros((5, 5))
    assert dispersion_ratio(nothing, family(5)).log_ratio == -math.inf
    assert dispersion_ratio(family(5), nothing).log_ratio == math.inf
    assert dispersion_ratio(nothing, nothing).log_ratio is None
    assert all(
        dispersion_ratio(one, other).interval is None
        for one, other in [(nothing, family(5)), (family(5), nothing), (nothing, nothing)]
    )


def test_all_but_one_identical_gives_no_interval():
    # Without the one that differs the dispersion is zero, and its logarithm infinite.
    points = np.zeros((5, 2))
    points[0] = 1.0
    found = dispersion_ratio(squareform(pdist(points, "sqeuclidean")), family(5))
    assert math.isfinite(found.log_ratio) and found.interval is None


@pytest.mark.parametrize(("members", "has_ratio"), [(1, False), (2, True)])
def test_too_few_members(members, has_ratio):
    found = dispersion_ratio(family(members), family(5, seed=1))
    assert (found.log_ratio is not None) == has_ratio
    assert found.interval is None


def test_equidistant_members_have_an_interval_of_no_width():
    simplex = np.ones((5, 5)) - np.eye(5)
    found = dispersion_ratio(4 * simplex, simplex)
    assert found.log_ratio == pytest.approx(math.log(2))
    assert found.interval == pytest.approx((math.log(2), math.log(2)), abs=1e-9)


def some_ratios(**ratios):
    return {
        family: DispersionRatio(log_ratio, interval, 0.95)
        for family, (log_ratio, interval) in ratios.items()
    }


def test_the_largest_effect_is_furthest_from_the_control_on_the_logarithm():
    ratios = some_ratios(
        pulse=(math.log(3), (math.log(2), math.log(4.5))),
        both=(math.log(0.25), (math.log(0.2), math.log(0.5))),
        silent=(-math.inf, None),
        single=(None, None),
    )
    assert largest_effect("control", ratios) == (
        "Furthest from control is both, 0.25 times as dispersed (95 % interval 0.20 to 0.50)."
    )


def test_an_effect_without_interval_or_ratio():
    assert largest_effect("control", some_ratios(pulse=(math.log(2), None))) == (
        "Furthest from control is pulse, 2.00 times as dispersed."
    )
    assert largest_effect("control", some_ratios(pulse=(None, None))) == ""
