"""Nearest neighbours of samples of which many are equally near."""

import numpy as np
import pytest
import sklearn.neighbors

from akp_keras import similarity
from akp_keras.similarity.preparation import Factors

TIED = {
    "clusters": lambda rng: np.eye(4)[rng.integers(0, 4, 60)],
    "signs": lambda rng: 1.0 + (rng.normal(size=(60, 3)) > 0),
    "equidistant": lambda rng: np.eye(60)[rng.permutation(60)],
}
IDS = [
    "knn.mutual[k=5,euclidean]",
    "knn.jaccard[k=10,cosine]",
    "knn.mutual[k=5,inner]",
    "knn.rank[k=5,cosine]",
    "knn.common_subsequence[k=4,cosine]",
    "knn.cycle[k=5,euclidean]",
]


@pytest.mark.parametrize("kind", TIED)
def test_pvalues_of_independent_tied_representations_are_calibrated(kind):
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        some = {"x": TIED[kind](rng), "y": TIED[kind](rng)}
        results = similarity.pairwise(some, IDS, null=19, seed=seed)
        found.append([results[id].null.pvalues[0, 1] for id in IDS])
    # Of 40 tests at 5 %, more than 7 reject with a probability of 0.1 %.
    assert (np.sum(np.array(found) <= 0.05, axis=0) <= 7).all()


@pytest.mark.parametrize("id", IDS)
def test_a_joint_order_of_tied_samples_tells_nothing(id):
    rng = np.random.default_rng(0)
    x, y = np.eye(4)[rng.integers(0, 4, (2, 60))]
    value = similarity.compare(x, y, id)
    orders = [rng.permutation(60) for _ in range(30)]
    others = [similarity.compare(x[order], y[order], id) for order in orders]
    assert abs(value - np.mean(others)) < 4 * np.std(others)
    assert similarity.compare(x, y, id) == value
    if similarity.measure(id).self_value is not None:
        assert similarity.compare(x, x.copy(), id) == 1.0


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "inner"])
def test_ties_are_broken_among_the_equally_near_alone(metric):
    rng = np.random.default_rng(1)
    x = rng.integers(0, 3, size=(80, 3)).astype(float) + np.array([1.0, 0.0, 0.0])
    apart = {
        "euclidean": np.square(x[:, None] - x[None]).sum(axis=2),
        "cosine": -(x @ x.T) / np.outer(*[np.linalg.norm(x, axis=1)] * 2),
        "inner": -(x @ x.T),
    }[metric].round(9)
    np.fill_diagonal(apart, np.inf)
    found = Factors(x, "x").neighbours(12, metric)
    assert all(len(set(row)) == 12 for row in found)
    np.testing.assert_array_equal(
        np.take_along_axis(apart, found, axis=1), np.sort(apart, axis=1)[:, :12]
    )
    # Not by index: of equally near ones, later samples come first about as often.
    same = np.take_along_axis(apart, found[:, :-1], axis=1) == np.take_along_axis(
        apart, found[:, 1:], axis=1
    )
    assert 0.4 < (np.diff(found, axis=1) > 0)[same].mean() < 0.6


def test_fewer_neighbours_are_the_first_of_more():
    x = np.random.default_rng(2).integers(0, 2, size=(300, 5)).astype(float)
    few, many = Factors(x, "x"), Factors(x, "x")
    more = many.neighbours(20, "euclidean")
    np.testing.assert_array_equal(few.neighbours(4, "euclidean"), more[:, :4])


def test_without_ties_they_are_those_of_another_library():
    x = np.random.default_rng(3).normal(size=(120, 6))
    tree = sklearn.neighbors.NearestNeighbors(n_neighbors=7).fit(x)
    expected = tree.kneighbors(return_distance=False)
    np.testing.assert_array_equal(Factors(x, "x").neighbours(7, "euclidean"), expected)
