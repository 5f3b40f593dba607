import numpy as np
import pytest

from akp_keras.dispersion import crosschecks, permutation_test
from akp_keras.dispersion.centroids import squared_distances_to_centroid
from akp_keras.dispersion.heterogeneity import analysis_of_variance


def test_permdisp_agrees_with_our_distances_to_centroids(draw):
    distances, families = draw([1.0, 1.4, 2.0], members=[5, 8, 11])
    found = crosschecks.permdisp(distances, families, permutations=19, seed=0)
    blocks = [slice(0, 5), slice(5, 13), slice(13, 24)]
    plain = [np.sqrt(squared_distances_to_centroid(distances[b, b] ** 2)) for b in blocks]
    ours = analysis_of_variance(np.concatenate(plain), np.array([5, 8, 11]))
    assert found.statistic == pytest.approx(ours, rel=1e-12)
    assert found.permutations == 19


def test_balanced_outcome_has_the_statistic_of_permdisp(draw):
    distances, families = draw([1.0, 1.4, 2.0])
    outcome = permutation_test(distances, families, permutations=19, crosscheck_permutations=19)
    assert outcome.statistic == pytest.approx(outcome.permdisp.statistic, rel=1e-12)


def test_permanova_is_the_sum_of_squares_of_pairs(draw):
    distances, families = draw([1.0, 1.4, 2.0], members=[5, 8, 11], separation=0.3)
    found = crosschecks.permanova(distances, families, permutations=19, seed=0)
    squared = distances**2
    total = squared.sum() / 2 / 24
    blocks = [slice(0, 5), slice(5, 13), slice(13, 24)]
    within = sum(squared[b, b].sum() / 2 / (b.stop - b.start) for b in blocks)
    expected = ((total - within) / 2) / (within / 21)
    assert found.statistic == pytest.approx(expected, rel=1e-12)


def test_seed_makes_the_pvalues_reproducible(draw):
    distances, families = draw([1.0, 1.1, 1.2], separation=0.3)
    for test in (crosschecks.permdisp, crosschecks.permanova):
        assert test(distances, families, 99, 4) == test(distances, families, 99, 4)


def test_nothing_to_test(draw):
    distances, _ = draw([1.0], members=4)
    assert crosschecks.permdisp(distances, list("abcd"), 19, 0) is None
    assert crosschecks.permanova(distances, list("abcd"), 19, 0) is None
    identical = crosschecks.permdisp(np.zeros((6, 6)), list("aaabbb"), 19, 0)
    assert identical == crosschecks.CrossCheck(None, None, 19)


def test_zero_permutations_leave_the_cross_checks_out(draw):
    distances, families = draw([1.0, 1.4])
    outcome = permutation_test(distances, families, permutations=19, crosscheck_permutations=0)
    assert outcome.permdisp is None and outcome.permanova is None
