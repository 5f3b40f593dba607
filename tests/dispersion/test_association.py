import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from akp_keras.dispersion.association import associations, fewest_families


def one(generalisation, dispersion, permutations=999, **options):
    rng = np.random.default_rng(0)
    (found,) = associations(
        np.array(generalisation), np.array([dispersion]), permutations, rng, **options
    )
    return found


def test_statistic_and_exact_pvalue_are_those_of_scipy():
    rng = np.random.default_rng(1)
    generalisation, dispersion = rng.normal(size=(2, 6))
    found = one(generalisation, dispersion)
    assert found.statistic == pytest.approx(spearmanr(generalisation, dispersion).statistic)
    from scipy.stats import permutation_test

    expected = permutation_test(
        (generalisation,),
        lambda x: spearmanr(x, dispersion).statistic,
        permutation_type="pairings",
        n_resamples=np.inf,
        vectorized=False,
    )
    assert found.exact
    assert found.pvalue == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("families", [2, 3, 4, 5, 6, 7])
def test_perfect_order_reaches_the_smallest_pvalue(families):
    order = np.arange(families, dtype=float)
    two_sided = one(order, order[::-1])
    assert two_sided.statistic == pytest.approx(-1)
    assert two_sided.pvalue == two_sided.smallest_pvalue == 2 / math.factorial(families)
    less = one(order, order[::-1], alternative="less")
    assert less.pvalue == less.smallest_pvalue == 1 / math.factorial(families)
    assert one(order, order, alternative="less").pvalue == 1.0
    assert one(order, order, alternative="greater").pvalue == 1 / math.factorial(families)


def test_ties_of_generalisation_raise_the_smallest_pvalue():
    # One family apart from five alike: 2 of its 6 places are extreme.
    found = one([0.5, 0.9, 0.9, 0.9, 0.9, 0.9], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert found.pvalue == found.smallest_pvalue == pytest.approx(2 / 6)


def test_equal_values_have_no_correlation():
    assert one([0.5, 0.5, 0.5], [1.0, 2.0, 3.0]).statistic is None
    assert one([0.5, 0.5, 0.5], [1.0, 2.0, 3.0]).smallest_pvalue == 1.0
    constant = one([0.1, 0.2, 0.3, 0.4, 0.5], [0.0] * 5)
    assert constant.statistic is None and constant.pvalue == 1.0
    assert constant.smallest_pvalue == 2 / 120


def test_many_families_are_rearranged_at_random():
    order = np.arange(12.0)
    found = one(order, order, permutations=999)
    assert not found.exact
    assert found.pvalue == found.smallest_pvalue == 1 / 1000
    unrelated = one(order, np.random.default_rng(4).normal(size=12), permutations=9999)
    expected = spearmanr(order, np.random.default_rng(4).normal(size=12)).pvalue
    assert unrelated.pvalue == pytest.approx(expected, abs=0.03)


def test_layers_are_adjusted_together():
    generalisation = np.arange(6.0)
    rng = np.random.default_rng(2)
    dispersions = np.vstack([generalisation[::-1], rng.normal(size=(3, 6))])
    found = associations(generalisation, dispersions, 999, rng)
    assert all(a.adjusted_pvalue >= a.pvalue for a in found)
    assert found[0].adjusted_pvalue > found[0].pvalue
    alone = one(generalisation, dispersions[0])
    assert alone.adjusted_pvalue == alone.pvalue == found[0].pvalue


def test_fewest_families():
    assert [fewest_families(0.05), fewest_families(0.05, "less"), fewest_families(0.01)] == [
        5,
        4,
        6,
    ]
