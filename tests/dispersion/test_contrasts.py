import math

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras.dispersion import pairwise_contrasts, permutation_test


def draw(scales, members=8, seed=0):
    rng = np.random.default_rng(seed)
    points = np.repeat(scales, members)[:, None] * rng.normal(size=(len(scales) * members, 10))
    return squareform(pdist(points)), np.repeat(list("abcdefgh")[: len(scales)], members).tolist()


def test_every_pair_once_in_order():
    distances, families = draw([1.0, 1.5, 2.0])
    found = pairwise_contrasts(distances, families)
    assert [(c.family, c.reference) for c in found] == [("b", "a"), ("c", "a"), ("c", "b")]
    assert found[1].log_ratio == pytest.approx(found[0].log_ratio + found[2].log_ratio)
    assert found[1].interval[0] > 0 and found[1].pvalue < 0.001


def test_against_the_control_one_pair_is_the_ratio_of_the_test():
    distances, families = draw([1.0, 1.5])
    (found,) = pairwise_contrasts(distances, families, control="a")
    outcome = permutation_test(distances, families, permutations=19, crosscheck_permutations=0)
    assert found.log_ratio == outcome.ratios["b"].log_ratio
    assert found.interval == pytest.approx(outcome.ratios["b"].interval)


def test_intervals_and_pvalues_agree_and_widen_with_the_number_of_pairs():
    distances, families = draw([1.0, 1.2, 1.4, 1.7, 2.0], members=6)
    everyone = {(c.family, c.reference): c for c in pairwise_contrasts(distances, families)}
    for contrast in everyone.values():
        excludes = contrast.interval[0] > 0 or contrast.interval[1] < 0
        assert excludes == (contrast.pvalue < 0.05)
    for contrast in pairwise_contrasts(distances, families, control="a"):
        wide = everyone[contrast.family, "a"]
        assert np.diff(contrast.interval) < np.diff(wide.interval)
        assert contrast.pvalue < wide.pvalue


def test_intervals_hold_together():
    held = 0
    for seed in range(100):
        found = pairwise_contrasts(*draw([1.0] * 4, members=6, seed=seed))
        held += all(c.interval[0] <= 0 <= c.interval[1] for c in found)
    assert held / 100 >= 0.9


def test_families_without_dispersion_or_members():
    distances, families = draw([1.0, 1.0])
    distances[:8, :8] = 0
    (found,) = pairwise_contrasts(distances, families)
    assert found.log_ratio == math.inf and found.interval is None and found.pvalue is None
    small = [0, 1, 8, 9, 10]
    (found,) = pairwise_contrasts(draw([1.0, 2.0])[0][np.ix_(small, small)], list("aabbb"))
    assert math.isfinite(found.log_ratio) and found.interval is None


def test_bad_input():
    distances, families = draw([1.0, 1.0])
    with pytest.raises(ValueError, match=r"level is 95"):
        pairwise_contrasts(distances, families, level=95)
    with pytest.raises(ValueError, match=r"control 'x' is not a family"):
        pairwise_contrasts(distances, families, control="x")
