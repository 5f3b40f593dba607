import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from skbio import DistanceMatrix
from skbio.stats.ordination import pcoa

from akp_keras.dispersion.principal_coordinates import principal_coordinates


def distances_between(members, dimensions, seed, power=1.0):
    points = np.random.default_rng(seed).normal(size=(members, dimensions))
    return squareform(pdist(points)) ** power


@pytest.mark.parametrize("power", [1.0, 1.4], ids=["euclidean", "not euclidean"])
@pytest.mark.parametrize(("members", "dimensions"), [(3, 2), (12, 5), (40, 60)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning:skbio")
def test_agrees_with_scikit_bio(members, dimensions, power):
    distances = distances_between(members, dimensions, seed=members, power=power)
    axes = min(members - 1, dimensions, 7)
    coordinates, shares = principal_coordinates(distances, axes)
    expected = pcoa(DistanceMatrix(distances), method="eigh")
    np.testing.assert_allclose(
        np.abs(coordinates), np.abs(expected.samples.to_numpy()[:, :axes]), atol=1e-9
    )
    np.testing.assert_allclose(shares, expected.proportion_explained.to_numpy()[:axes], atol=1e-9)


def test_distances_in_the_plane_come_back():
    distances = distances_between(9, 2, seed=0)
    coordinates, shares = principal_coordinates(distances, 2)
    np.testing.assert_allclose(squareform(pdist(coordinates)), distances, atol=1e-9)
    assert shares.sum() == pytest.approx(1)
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in coordinates.T)


@pytest.mark.parametrize("members", [1, 2, 3])
def test_axes_that_few_or_equal_members_do_not_span_are_zero(members):
    distances = 1 - np.eye(members)
    coordinates, shares = principal_coordinates(distances, 3)
    assert coordinates.shape == (members, 3)
    np.testing.assert_allclose(squareform(pdist(coordinates)), distances, atol=1e-9)
    np.testing.assert_array_equal(coordinates[:, members - 1 :], 0)
    np.testing.assert_array_equal(shares[members - 1 :], 0)
    for values in principal_coordinates(np.zeros((members, members)), 3):
        np.testing.assert_array_equal(values, 0)
