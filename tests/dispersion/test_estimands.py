import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from akp_keras.dispersion.estimands import family_distances


def squared_distances(points):
    return squareform(pdist(points, "sqeuclidean"))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 5), min_size=2, max_size=6), st.integers(0, 1000))
def test_across_is_between_and_within(sizes, seed):
    points = np.random.default_rng(seed).normal(size=(sum(sizes), 3))
    means = family_distances(squared_distances(points), sizes).means()
    assert means["across"] == pytest.approx(means["between"] + means["within"])


def test_the_parts_are_those_of_the_points():
    rng = np.random.default_rng(0)
    sizes = [3, 5, 2]
    points = np.split(rng.normal(size=(10, 4)), [3, 8])
    found = family_distances(squared_distances(np.concatenate(points)), sizes)
    variances = [part.var(axis=0, ddof=1).sum() for part in points]
    np.testing.assert_allclose(found.within, variances)
    pairs = [np.sum((one - other) ** 2) for one in points[0] for other in points[1]]
    assert found.across[0, 1] == pytest.approx(np.mean(pairs))
    # The centroids' distance, less what their own seeds add to it.
    apart = np.sum((points[0].mean(axis=0) - points[1].mean(axis=0)) ** 2)
    assert found.between[0, 1] == pytest.approx(apart - variances[0] / 3 - variances[1] / 5)
    assert not np.diagonal(found.across).any() and not np.diagonal(found.between).any()


def test_between_is_unbiased_where_centroids_do_not_differ():
    rng = np.random.default_rng(1)
    means = [
        family_distances(squared_distances(rng.normal(size=(12, 5))), [3] * 4).means()
        for _ in range(300)
    ]
    assert np.mean([value["between"] for value in means]) == pytest.approx(0.0, abs=0.1)
    assert np.mean([value["within"] for value in means]) == pytest.approx(5.0, abs=0.2)


def test_single_members_have_no_seeds():
    found = family_distances(squared_distances(np.eye(4)), [1, 1, 2])
    assert np.isnan(found.within).tolist() == [True, True, False]
    assert np.isnan(found.between[0, 1]) and np.isfinite(found.across).all()
    kept = found.among(np.array([0, 2]))
    np.testing.assert_array_equal(kept.across, found.across[np.ix_([0, 2], [0, 2])])
