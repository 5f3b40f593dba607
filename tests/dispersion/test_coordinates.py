import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.distance import pdist, squareform
from skbio.stats.distance import DistanceMatrix
from skbio.stats.ordination import pcoa

from akp_keras.dispersion import distances_to_median, principal_coordinates
from akp_keras.dispersion.coordinates import spatial_median


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 10), st.integers(1, 5), st.sampled_from([1e-200, 1.0, 1e150]))
def test_distances_of_points_are_recovered(members, dimensions, scale):
    points = np.random.default_rng(members).normal(size=(members, dimensions))
    distances = scale * squareform(pdist(points))
    found = principal_coordinates(distances)
    assert found.real.shape[1] <= min(dimensions, members - 1) and found.imaginary.shape[1] == 0
    recovered = scale * squareform(pdist(found.real / scale))
    np.testing.assert_allclose(recovered, distances, atol=1e-9 * distances.max())


@pytest.mark.parametrize("power", [1.0, 1.4], ids=["euclidean", "not euclidean"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning:skbio")
def test_axes_are_those_of_scikit_bio(power):
    distances = squareform(pdist(np.random.default_rng(0).normal(size=(9, 4)))) ** power
    expected = pcoa(DistanceMatrix(distances), "eigh")
    mapped = principal_coordinates(distances)
    np.testing.assert_allclose(mapped.eigenvalues[:4], expected.eigvals[:4])
    np.testing.assert_allclose(np.abs(mapped.leading(4)), np.abs(expected.samples.iloc[:, :4]))
    np.testing.assert_allclose(mapped.shares(4), expected.proportion_explained[:4])
    assert (mapped.real.max(axis=0) >= -mapped.real.min(axis=0)).all()


@pytest.mark.parametrize("members", [40, 600], ids=["few", "many"])
def test_leading_axes_are_the_first_of_all(members):
    points = np.random.default_rng(0).normal(size=(members, 6)) * [6, 5, 4, 3, 2, 1]
    distances = squareform(pdist(points)) ** 1.2
    mapped = principal_coordinates(distances, 3)
    assert mapped.real.shape == (members, 3) and mapped.imaginary.shape == (members, 0)
    np.testing.assert_allclose(mapped.real, principal_coordinates(distances).leading(3), atol=1e-8)
    again = principal_coordinates(distances, 3)
    np.testing.assert_array_equal(mapped.real, again.real)


@pytest.mark.parametrize("members", [1, 2, 3])
def test_axes_that_few_members_do_not_span_are_zero(members):
    distances = 1 - np.eye(members)
    mapped = principal_coordinates(distances, 3)
    coordinates = mapped.leading(3)
    np.testing.assert_allclose(squareform(pdist(coordinates)), distances, atol=1e-9)
    np.testing.assert_array_equal(coordinates[:, members - 1 :], 0)
    np.testing.assert_array_equal(mapped.shares(3)[members - 1 :], 0)


def test_distances_that_are_not_hilbertian_are_real_minus_imaginary():
    distances = squareform(pdist(np.random.default_rng(1).normal(size=(8, 3)))) ** 3
    found = principal_coordinates(distances)
    assert found.imaginary.shape[1] > 0 and (found.eigenvalues[-1] < 0 < found.eigenvalues[0])
    squared = pdist(found.real, "sqeuclidean") - pdist(found.imaginary, "sqeuclidean")
    np.testing.assert_allclose(squareform(squared), distances**2, rtol=1e-9, atol=1e-9)


def test_equal_members_have_no_axes():
    found = principal_coordinates(np.zeros((3, 3)))
    assert found.real.shape == found.imaginary.shape == (3, 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_median_has_the_least_sum_of_distances(seed):
    points = np.random.default_rng(seed).normal(size=(7, 3)) ** 3
    expected = minimize(
        lambda place: np.linalg.norm(points - place, axis=1).sum(), points.mean(axis=0), tol=1e-10
    )
    np.testing.assert_allclose(spatial_median(points), expected.x, atol=1e-4)


def test_a_median_at_a_member():
    # Three of five members at one place hold the median there; Weiszfeld alone would divide by 0.
    points = np.array([[0.0, 0], [0, 0], [0, 0], [5, 1], [1, 5]])
    np.testing.assert_allclose(spatial_median(points), [0, 0], atol=1e-9)
    # The mean of these is a member, and not the median.
    points = np.array([[0.0, 0], [-3, 1], [-3, -1], [6, 0]])
    apart = [np.linalg.norm(points - place, axis=1).sum() for place in ([0, 0], [-0.5, 0])]
    found = np.linalg.norm(points - spatial_median(points), axis=1).sum()
    assert found <= min(apart) + 1e-9


def test_one_member_far_out_draws_the_median_less_than_the_centroid():
    rng = np.random.default_rng(2)
    points = np.vstack([rng.normal(size=(9, 3)), [[60.0, 0, 0]], rng.normal(size=(9, 3)) + 5])
    families = ["a"] * 10 + ["b"] * 9
    found = distances_to_median(squareform(pdist(points)), families)
    to_centroid = np.linalg.norm(points[:9] - points[:10].mean(axis=0), axis=1)
    assert found[:9].mean() < to_centroid.mean() / 2
    with pytest.raises(ValueError, match="one family name for each row"):
        distances_to_median(squareform(pdist(points)), families[1:])
