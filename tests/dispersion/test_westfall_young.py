import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from akp_keras.dispersion.westfall_young import permutation_pvalues

statistics = arrays(
    np.float64, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=st.integers(-6, 6)
)


@settings(max_examples=100, deadline=None)
@given(statistics)
def test_adjusted_is_at_least_raw_and_keeps_its_order(values):
    raw, adjusted = permutation_pvalues(values)
    assert (adjusted >= raw).all() and (adjusted <= 1).all() and (raw >= 1 / values.shape[1]).all()
    by_raw = np.lexsort((adjusted, raw))
    assert (np.diff(adjusted[by_raw]) >= 0).all()


@settings(max_examples=50, deadline=None)
@given(statistics)
def test_one_hypothesis_needs_no_adjustment(values):
    raw, adjusted = permutation_pvalues(values[:1])
    np.testing.assert_array_equal(raw, adjusted)
    assert raw[0] == np.mean(values[0] >= values[0, 0])


def test_copies_of_a_hypothesis_cost_nothing():
    values = np.random.default_rng(0).normal(size=(1, 500))
    values[0, 0] = 2.0
    copies = np.vstack([values, 10 * values, values + 3])
    raw, adjusted = permutation_pvalues(copies)
    np.testing.assert_array_equal(raw, adjusted)


def test_independent_hypotheses_cost_about_their_number():
    values = np.random.default_rng(1).normal(size=(4, 20_000))
    values[:, 0] = [2.5, 0.0, 0.1, -0.2]
    raw, adjusted = permutation_pvalues(values)
    np.testing.assert_allclose(adjusted[0], 1 - (1 - raw[0]) ** 4, rtol=0.1)


def test_scale_of_a_statistic_does_not_matter():
    values = np.abs(np.random.default_rng(2).normal(size=(3, 300)))
    raw, adjusted = permutation_pvalues(values)
    same = permutation_pvalues(values * np.array([[1e-6], [1.0], [1e6]]))
    np.testing.assert_array_equal(same, (raw, adjusted))


def test_rounding_does_not_break_ties_and_infinity_is_a_tie_with_itself():
    raw, _ = permutation_pvalues(np.array([[0.1 + 0.2, 0.3, 0.1, 0.2], [np.inf, np.inf, 1, 0]]))
    np.testing.assert_array_equal(raw, [0.5, 0.5])


def test_family_wise_error_is_kept_over_correlated_layers():
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(300):
        shared = rng.normal(size=(1, 200))
        _, adjusted = permutation_pvalues(shared + rng.normal(size=(5, 200)))
        false += (adjusted <= 0.05).any()
    assert 0.02 <= false / 300 <= 0.09
