"""Nearest neighbours of samples of which many are equally near."""

import numpy as np
import pytest
import sklearn.neighbors

from akp_keras import similarity
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.nearest_neighbours import neighbours

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
    pvalues = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        some = {f"r{i}": TIED[kind](rng) for i in range(7)}
        results = similarity.pairwise(some, IDS, null=19, seed=seed)
        pvalues.append([results[id].null.pvalues[np.triu_indices(7, 1)] for id in IDS])
    # Of 42 tests at 5 %, more than 7 reject with a probability of 0.1 %.
    assert (np.sum(np.array(pvalues) <= 0.05, axis=(0, 2)) <= 7).all()


def test_a_joint_order_of_tied_samples_tells_nothing():
    rng = np.random.default_rng(0)
    x, y = np.eye(4)[rng.integers(0, 4, (2, 60))]
    orders = [np.arange(60), *(rng.permutation(60) for _ in range(25))]
    drawn = [
        similarity.pairwise({"x": x[order], "y": y[order], "x again": x[order].copy()}, IDS)
        for order in orders
    ]
    for id in IDS:
        values = [results[id].values[0, 1] for results in drawn]
        assert abs(values[0] - np.mean(values[1:])) < 4 * np.std(values[1:])
        assert similarity.compare(x, y, id) == values[0]
        if similarity.measure(id).self_value is not None:
            assert drawn[0][id].values[0, 2] == 1.0


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
    nearest = neighbours(Factors(x, "x"), 12, metric)
    assert all(len(set(row)) == 12 for row in nearest)
    np.testing.assert_array_equal(
        np.take_along_axis(apart, nearest, axis=1), np.sort(apart, axis=1)[:, :12]
    )
    # Not by index: of equally near samples, later ones come first about as often.
    same = np.take_along_axis(apart, nearest[:, :-1], axis=1) == np.take_along_axis(
        apart, nearest[:, 1:], axis=1
    )
    assert 0.4 < (np.diff(nearest, axis=1) > 0)[same].mean() < 0.6


def test_fewer_neighbours_are_the_first_of_more():
    x = np.random.default_rng(2).integers(0, 2, size=(300, 5)).astype(float)
    few, many = Factors(x, "x"), Factors(x, "x")
    more = neighbours(many, 20, "euclidean")
    np.testing.assert_array_equal(neighbours(few, 4, "euclidean"), more[:, :4])


def test_without_ties_they_are_those_of_another_library():
    # More samples than are looked at together.
    x = np.random.default_rng(3).normal(size=(600, 6))
    tree = sklearn.neighbors.NearestNeighbors(n_neighbors=7).fit(x)
    expected = tree.kneighbors(return_distance=False)
    np.testing.assert_array_equal(neighbours(Factors(x, "x"), 7, "euclidean"), expected)
