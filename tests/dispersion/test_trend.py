import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras.dispersion.trend import leverage, location_trend


def left_over(basis, values):
    return values - basis @ (basis.T @ values)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=25),
    st.booleans(),
    st.booleans(),
)
def test_the_basis_is_orthonormal_and_holds_level_and_line(values, curved, in_blocks):
    generalisation = np.array(values)
    blocks = np.arange(len(values)) % 2 if in_blocks else None
    basis = location_trend(generalisation, blocks, curved=curved)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-9)
    np.testing.assert_allclose(left_over(basis, np.ones(len(values))), 0, atol=1e-6)
    spread = np.ptp(generalisation)
    np.testing.assert_allclose(left_over(basis, generalisation), 0, atol=1e-5 * max(spread, 1e-3))
    assert (leverage(basis) <= 1 + 1e-9).all()
    assert leverage(basis).sum() == pytest.approx(basis.shape[1])


def test_a_curve_is_taken_from_thirteen_families_on():
    assert location_trend(np.linspace(0.5, 0.9, 12)).shape == (12, 2)
    assert location_trend(np.linspace(0.5, 0.9, 13)).shape == (13, 4)
    assert location_trend(np.linspace(0.5, 0.9, 40), curved=False).shape == (40, 2)


def test_the_curve_is_linear_beyond_the_outer_knots():
    # Any curve in the span is straight among the lowest and among the highest families.
    generalisation = np.linspace(0.0, 1.0, 200)
    curves = location_trend(generalisation)
    second = np.diff(curves, n=2, axis=0)
    assert np.abs(second[:8]).max() < 1e-9 and np.abs(second[-8:]).max() < 1e-9
    assert np.abs(second[60:140]).max() > 1e-6


def test_it_follows_a_saturating_location_where_a_line_does_not():
    generalisation = np.linspace(0.5, 0.95, 40)
    location = 1 - np.exp(-6 * (0.95 - generalisation) / 0.45)
    curved, straight = (location_trend(generalisation, curved=form) for form in (True, False))
    bend = np.linalg.norm(left_over(straight, location))
    assert np.linalg.norm(left_over(curved, location)) < 0.3 * bend


def test_ties_leave_fewer_knots_and_equal_generalisation_no_line():
    tied = np.repeat([0.5, 0.9], 10)
    assert location_trend(tied).shape == (20, 2)
    assert location_trend(np.full(20, 0.7)).shape == (20, 1)


def test_each_block_has_a_level_of_its_own():
    generalisation = np.linspace(0.5, 0.9, 10)
    blocks = np.array([0, 1] * 5)
    basis = location_trend(generalisation, blocks)
    np.testing.assert_allclose(left_over(basis, (blocks == 1).astype(float)), 0, atol=1e-9)
    assert basis.shape == (10, 3)
    np.testing.assert_array_equal(location_trend(generalisation, np.zeros(10, int)).shape, (10, 2))
