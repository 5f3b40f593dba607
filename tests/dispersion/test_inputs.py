import re

import numpy as np
import pytest

from akp_keras.dispersion import permutation_test, permutation_tests

FAMILIES = ["control"] * 5 + ["shock"] * 5


def matrix(**changes):
    points = np.random.default_rng(0).normal(size=(10, 3))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    for place, value in changes.items():
        row, column = map(int, place.strip("at").split("_"))
        distances[row, column] = value
    return distances


def refused(message, *arguments, **options):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        permutation_test(*arguments, permutations=19, crosscheck_permutations=0, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("distances", "message"),
    [
        (np.zeros((10, 9)), "shape (10, 9); it must be square"),
        (np.zeros(10), "it must be square"),
        (np.zeros((9, 9)), "distances has 9 rows and families has 10 names"),
        (matrix(at1_2=np.nan), "nan at (1, 2); every distance must be a finite number"),
        (matrix(at2_1=np.inf), "inf at (2, 1)"),
        (matrix(at1_2=-0.5, at2_1=-0.5), "-0.5 at (1, 2); distances are never negative"),
        (matrix(at3_4=9.0), "distances is not symmetric: 9 at (3, 4)"),
        (matrix(at5_5=1.0), "holds 1 on its diagonal at row 5"),
        (np.ones((10, 10)), "give the distance form of the measure, not its similarity"),
    ],
)
def test_distances_that_are_none(distances, message):
    refused(message, distances, FAMILIES)


@pytest.mark.parametrize(
    ("families", "message"),
    [
        (["control"] * 10, "only the family 'control'"),
        ([], "names no family"),
        ("control", "families is one string"),
        ([0] * 5 + [1] * 5, "families holds 0"),
        (FAMILIES[1:], "10 rows and families has 9 names"),
    ],
)
def test_families_that_are_none(families, message):
    refused(message, matrix(), families)


@pytest.mark.parametrize(
    ("generalisation", "message"),
    [
        ({"control": 0.9}, "generalisation lacks the family 'shock'"),
        ({"control": 0.9, "shok": 0.5}, "did you mean 'shock'?"),
        ({"control": 0.9, "shock": float("nan")}, "of the family 'shock' is nan"),
        ({"control": 0.9, "shock": None}, "of the family 'shock' is None"),
        ([0.9] * 9, "generalisation has 9 values and families 10 names"),
        ([0.9] * 9 + [np.inf], "of the family 'shock' is inf"),
    ],
)
def test_generalisation_that_does_not_fit(generalisation, message):
    refused(message, matrix(), FAMILIES, generalisation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": "contrl"}, "did you mean 'control'?"),
        ({"control": "xyz"}, "there are 'control', 'shock'"),
        ({"alpha": 0.0}, "alpha is 0.0"),
        ({"alpha": 0.01}, "at least 99 is needed for a p-value of 0.01"),
        ({"alternative": "les"}, "did you mean 'less'?"),
        ({"margin": -0.1}, "margin is -0.1"),
        ({"members": ["a"] * 9}, "members has 9 names"),
        ({"members": ["a"] * 10}, "members names 'a' twice"),
    ],
)
def test_options_out_of_range(options, message):
    refused(message, matrix(), FAMILIES, **options)


def test_the_matrix_at_fault_is_named():
    with pytest.raises(ValueError, match=re.escape("distances['dense'] is not symmetric")):
        permutation_tests({"block1": matrix(), "dense": matrix(at3_4=9.0)}, FAMILIES)
    with pytest.raises(ValueError, match="holds no matrix"):
        permutation_tests({}, FAMILIES)


def test_rounding_is_forgiven_and_arguments_are_left_alone():
    distances = matrix()
    rounded = distances + 1e-9 * np.random.default_rng(1).random((10, 10))
    before = rounded.copy()
    options = {"permutations": 199, "crosscheck_permutations": 0}
    found = permutation_test(rounded, FAMILIES, **options)
    np.testing.assert_array_equal(rounded, before)
    exact = permutation_test(distances, FAMILIES, **options)
    assert found.statistic == pytest.approx(exact.statistic, rel=1e-6)
    assert permutation_test(distances.tolist(), np.array(FAMILIES), **options) == exact
