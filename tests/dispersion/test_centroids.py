import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist, squareform

from akp_keras.dispersion.centroids import (
    distances_to_centroid,
    gower_matrix,
    imaginary_share,
    squared_distances_of_residuals,
    squared_distances_to_centroid,
)


def squared_distances(points):
    return squareform(pdist(points, "sqeuclidean"))


coordinates = arrays(
    np.float64, st.tuples(st.integers(2, 9), st.integers(1, 4)), elements=st.integers(-50, 50)
)


@settings(max_examples=50, deadline=None)
@given(coordinates)
def test_huygens_identity_gives_the_distances_to_the_mean(points):
    expected = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    found = squared_distances_to_centroid(squared_distances(points))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # Huygens: the squared distances to the centroid sum to the pairs' over m.
    pairs = pdist(points, "sqeuclidean").sum() / len(points)
    np.testing.assert_allclose(found.sum(), pairs, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(coordinates)
def test_gower_matrix_holds_the_inner_products_about_the_centroid(points):
    centred = points - points.mean(axis=0)
    found = gower_matrix(squared_distances(points))
    np.testing.assert_allclose(found, centred @ centred.T, atol=1e-8)


def test_adjusted_distances_estimate_the_population_whatever_the_number_of_members():
    rng = np.random.default_rng(0)
    means = []
    for members in (3, 30):
        families = rng.normal(size=(2000, members, 10))
        squared = ((families[:, :, None] - families[:, None]) ** 2).sum(axis=-1)
        means.append(distances_to_centroid(squared).mean())
    expected = np.linalg.norm(rng.normal(size=(60_000, 10)), axis=1).mean()
    np.testing.assert_allclose(means, expected, rtol=0.01)


def test_non_euclidean_distances_give_real_minus_imaginary_coordinates():
    rng = np.random.default_rng(1)
    squared = squared_distances(rng.normal(size=(6, 3))) ** 2.5
    eigenvalues, vectors = np.linalg.eigh(gower_matrix(squared))
    assert eigenvalues.min() < -1e-3 * eigenvalues.max()
    axes = vectors * np.sqrt(np.abs(eigenvalues))
    signed = (axes**2 * np.sign(eigenvalues)).sum(axis=1)
    np.testing.assert_allclose(squared_distances_to_centroid(squared), signed, rtol=1e-8)
    adjusted = np.sqrt(6 / 5) * np.sqrt(np.maximum(signed, 0))
    np.testing.assert_allclose(distances_to_centroid(squared), adjusted, rtol=1e-8)
    negative = -eigenvalues[eigenvalues < 0].sum()
    assert imaginary_share(squared) == pytest.approx(negative / np.abs(eigenvalues).sum())


def test_hilbertian_distances_have_no_imaginary_share():
    points = np.random.default_rng(2).normal(size=(12, 3))
    assert imaginary_share(squared_distances(points)) == 0.0
    assert imaginary_share(np.zeros((4, 4))) == 0.0


def test_residuals_are_centred_scaled_members():
    rng = np.random.default_rng(3)
    sizes = np.array([3, 5])
    points = rng.normal(size=(8, 4)) + np.repeat([[0.0], [9.0]], sizes, axis=0)
    residuals = np.concatenate(
        [
            (part - part.mean(axis=0)) * np.sqrt(len(part) / (len(part) - 1))
            for part in np.split(points, [3])
        ]
    )
    found = squared_distances_of_residuals(squared_distances(points), sizes)
    np.testing.assert_allclose(found, squared_distances(residuals), atol=1e-10)
