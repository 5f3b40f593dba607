"""Values of R's vegan 2.6-4; tests/dispersion/vegan/make.R made them."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import squareform

from akp_keras.dispersion import (
    crosschecks,
    distances_to_median,
    explained_share,
    permutation_test,
)
from akp_keras.dispersion.centroids import squared_distances_to_centroids

EXPECTED = json.loads((Path(__file__).parent / "vegan" / "expected.json").read_text())


@pytest.fixture(params=EXPECTED)
def matrix(request):
    values = EXPECTED[request.param]
    return squareform(np.array(values["distances"])), values["families"], values


def test_distances_to_centroids_are_those_of_betadisper(matrix):
    distances, families, expected = matrix
    outcome = permutation_test(distances, families, permutations=19, crosscheck_permutations=0)
    np.testing.assert_allclose(outcome.member_distances, expected["adjusted"], rtol=0, atol=1e-12)
    assert outcome.statistic == pytest.approx(expected["F"], rel=1e-10)


def test_distances_to_the_centroids_of_other_families_follow_from_weights(matrix):
    distances, families, expected = matrix
    names = list(dict.fromkeys(families))
    own = np.array([[family == name for family in families] for name in names], dtype=float)
    squared = squared_distances_to_centroids(distances**2, own / own.sum(axis=1, keepdims=True))
    to_own = squared[np.arange(len(families)), [names.index(family) for family in families]]
    found = np.sqrt(np.maximum(to_own, 0))
    np.testing.assert_allclose(found, expected["centroid"], rtol=0, atol=1e-12)


def test_distances_to_spatial_medians_are_those_of_betadisper(matrix):
    distances, families, expected = matrix
    # vegan minimises numerically, to about four digits.
    found = distances_to_median(distances, families)
    np.testing.assert_allclose(found, expected["median"], rtol=0, atol=2e-4)


def test_permanova_is_adonis2(matrix):
    distances, families, expected = matrix
    pseudo_f = crosschecks.permanova(distances, families, permutations=19, seed=0).statistic
    assert pseudo_f == pytest.approx(expected["adonis2_F"], rel=1e-10)
    assert explained_share(distances, families) == pytest.approx(expected["adonis2_R2"], rel=1e-10)
