import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from akp_keras.tensorboard.coordinates import classical_scaling, principal_components


def euclidean(points, dimensions, seed, scale=1.0):
    return scale * squareform(pdist(np.random.default_rng(seed).normal(size=(points, dimensions))))


@settings(deadline=None, max_examples=15)
@given(
    points=st.integers(2, 50),
    dimensions=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_euclidean_distances_of_up_to_fifty_models_come_back(points, dimensions, seed, scale):
    distances = euclidean(points, dimensions, seed, scale)
    scaled = classical_scaling(distances)
    np.testing.assert_allclose(
        squareform(pdist(scaled.coordinates)), distances, atol=1e-4 * distances.max()
    )
    assert scaled.largest_error <= 1e-4 * distances.max()
    assert 3 <= scaled.coordinates.shape[1] <= 49
    np.testing.assert_allclose(scaled.coordinates.mean(axis=0), 0, atol=1e-9 * distances.max())


def test_axes_are_principal_and_oriented():
    coordinates = classical_scaling(euclidean(20, 6, seed=3)).coordinates
    spread = (coordinates**2).sum(axis=0)
    assert (np.diff(spread) <= 0).all()
    gram = coordinates.T @ coordinates
    np.testing.assert_allclose(gram, np.diag(spread), atol=1e-9)
    assert (coordinates.max(axis=0) >= -coordinates.min(axis=0)).all()


def test_more_models_than_columns_are_approximated_and_the_error_is_told():
    distances = euclidean(80, 70, seed=4)
    scaled = classical_scaling(distances)
    assert scaled.coordinates.shape == (80, 49)
    errors = np.abs(squareform(pdist(scaled.coordinates)) - distances)
    assert scaled.largest_error == pytest.approx(errors.max())
    assert scaled.largest_error > 0.01


def test_distances_that_are_not_euclidean_tell_their_error():
    # Three points one apart from each other and a fourth at 0.4 from all: no such tetrahedron.
    distances = np.ones((4, 4)) - np.eye(4)
    distances[3, :3] = distances[:3, 3] = 0.4
    scaled = classical_scaling(distances)
    seen = squareform(pdist(scaled.coordinates))
    assert scaled.largest_error == pytest.approx(np.abs(seen - distances).max())
    assert scaled.largest_error > 0.1


def test_stress_is_zero_in_space_and_grows_with_the_dimensions_left_out():
    stress = [
        classical_scaling(euclidean(30, dimensions, seed=6)).three_axes_stress
        for dimensions in (3, 4, 12)
    ]
    assert stress[0] < 1e-4 < stress[1] < stress[2] < 1


def test_one_model_and_equal_models_lie_in_the_centre():
    for count in (1, 5):
        scaled = classical_scaling(np.zeros((count, count)))
        np.testing.assert_array_equal(scaled.coordinates, np.zeros((count, 3)))
        assert (scaled.largest_error, scaled.three_axes_stress) == (0, 0)


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        (np.zeros((2, 3)), "square"),
        (np.zeros((0, 0)), "square"),
        (np.array([[0, np.nan], [np.nan, 0]]), "NaN"),
        (np.array([[0, 1.0], [2.0, 0]]), "symmetric"),
        (np.array([[0, -1.0], [-1.0, 0]]), "negative"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "diagonal"),
    ],
)
def test_refuses_what_is_no_distance_matrix(distances, message):
    with pytest.raises(ValueError, match=message):
        classical_scaling(distances)


@pytest.mark.parametrize("shape", [(30, 8), (30, 2, 2, 2), (5, 100), (120, 90), (10, 1)])
def test_principal_components_agree_with_the_covariance(shape):
    representation = np.random.default_rng(5).normal(size=shape) + 7
    components = principal_components(representation)
    rows = representation.reshape(len(representation), -1)
    rank = min(49, len(rows) - 1, rows.shape[1])
    assert components.shape == (len(rows), max(rank, 3))
    np.testing.assert_allclose(components.mean(axis=0), 0, atol=1e-12)
    eigenvalues = np.linalg.eigvalsh(np.cov(rows.T).reshape(rows.shape[1], -1))[::-1][:rank]
    np.testing.assert_allclose(components.var(axis=0, ddof=1)[:rank], eigenvalues, rtol=1e-8)
    np.testing.assert_array_equal(components[:, rank:], 0)


def test_equal_samples_lie_in_the_centre():
    np.testing.assert_array_equal(principal_components(np.full((5, 4), 3.0)), np.zeros((5, 3)))


@pytest.mark.parametrize(
    ("representation", "message"),
    [
        (np.ones((1, 4)), "two samples"),
        (np.ones(4), "two samples"),
        (np.array([[1.0, np.nan], [1.0, 2.0]]), "NaN"),
        (np.array([[1.0, np.inf], [1.0, 2.0]]), "NaN"),
    ],
)
def test_refuses_representations_that_would_show_nothing(representation, message):
    with pytest.raises(ValueError, match=message):
        principal_components(representation)
