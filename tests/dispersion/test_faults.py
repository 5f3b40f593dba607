"""Small inputs on which the test of dispersions was wrong once, each with the right answer."""

import json
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras.dispersion import crosschecks, permutation_test, permutation_tests
from akp_keras.dispersion.centroids import distances_to_centroid
from akp_keras.dispersion.heterogeneity import permuted_statistics

FAMILIES = np.repeat(list("abcdef"), 6).tolist()
FALLING = dict(zip("abcdef", np.linspace(0.9, 0.6, 6), strict=True))
QUICK = {"permutations": 499, "crosscheck_permutations": 0}


@pytest.fixture(scope="module")
def distances():
    """36 points, six in each family a to f, whose standard deviation rises from 1 to 2.4."""
    scales = np.repeat([1, 1.2, 1.4, 1.7, 2, 2.4], 6)[:, None]
    return squareform(pdist(scales * np.random.default_rng(0).normal(size=(36, 20))))


def test_the_input_is_akp_where_nothing_is_wrong(distances):
    assert permutation_test(distances, FAMILIES, FALLING, **QUICK).verdict == "AKP"


def test_differences_within_the_margin_make_no_verdict(distances):
    nearly_equal = dict(zip("abcdef", [0.9004, 0.9003, 0.9002, 0.9001, 0.9, 0.889], strict=True))
    outcome = permutation_test(distances, FAMILIES, nearly_equal, **QUICK)
    assert outcome.verdict == "undecidable"
    assert "generalise differently" in outcome.reason
    assert permutation_test(distances, FAMILIES, nearly_equal, margin=0.0, **QUICK).verdict == "AKP"


def test_an_order_that_rests_on_the_margin_is_neither():
    # Seven families in two groups; within the groups dispersion follows noise of generalisation.
    scales = np.repeat([1.0, 1.5, 2.0, 2.5, 1.2, 1.7, 2.2, 2.7], 8)[:, None]
    points = scales * np.random.default_rng(1).normal(size=(64, 20))
    families = np.repeat(list("abcdefgh"), 8).tolist()
    values = [0.9003, 0.9002, 0.9001, 0.9, 0.8, 0.7999, 0.7998, 0.7997]
    outcome = permutation_test(
        squareform(pdist(points)),
        families,
        dict(zip("abcdefgh", values, strict=True)),
        alternative="less",
        alpha=0.1,
        **QUICK,
    )
    assert outcome.association.pvalue <= 0.1
    assert outcome.verdict == "neither"
    assert "within the margin" in outcome.reason


def test_a_control_that_generalises_worst_leaves_no_unhappy_family(distances):
    outcome = permutation_test(distances, FAMILIES, FALLING, control="f", **QUICK)
    assert outcome.unhappy == ()
    assert outcome.verdict == "undecidable"
    assert "No family generalises worse than f" in outcome.reason


def test_families_at_chance_are_undecidable(distances):
    guessing = dict(zip("abcdef", np.linspace(0.56, 0.5, 6), strict=True))
    outcome = permutation_test(distances, FAMILIES, guessing, chance=0.5, **QUICK)
    assert outcome.verdict == "undecidable"
    assert "guessing is at 0.5" in outcome.reason
    assert "At chance: f." in outcome.cautions
    assert permutation_test(distances, FAMILIES, FALLING, chance=0.5, **QUICK).verdict == "AKP"


def test_zero_distances_are_undecidable(distances):
    outcome = permutation_test(0 * distances, FAMILIES, FALLING, **QUICK)
    assert outcome.verdict == "undecidable"
    assert "identical" in outcome.reason


@pytest.mark.parametrize("scale", [1e-170, 1e200, 1e-300])
def test_the_unit_of_distances_does_not_matter(distances, scale):
    plain = permutation_test(distances, FAMILIES, FALLING, **QUICK)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scaled = permutation_test(scale * distances, FAMILIES, FALLING, **QUICK)
    assert (scaled.verdict, scaled.pvalue) == ("AKP", plain.pvalue)
    assert scaled.statistic == pytest.approx(plain.statistic, rel=1e-9)
    assert scaled.dispersion["f"] == pytest.approx(scale * plain.dispersion["f"], rel=1e-9)
    assert scaled.ratios["f"].interval == pytest.approx(plain.ratios["f"].interval, rel=1e-6)


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_noise_on_the_distances_of_far_apart_families_is_cautioned_against(noise):
    rng = np.random.default_rng(2)
    points = np.repeat(rng.normal(0, 5, size=(6, 20)), 6, axis=0) + rng.normal(size=(36, 20))
    exact = pdist(points)
    noisy = squareform(exact * (1 + noise * rng.normal(size=len(exact))))
    assert any(
        "not calibrated" in caution
        for caution in permutation_test(noisy, FAMILIES, FALLING, **QUICK).cautions
    )
    clean = permutation_test(squareform(exact), FAMILIES, FALLING, **QUICK)
    assert not any("not calibrated" in caution for caution in clean.cautions)


def test_angles_are_cautioned_against():
    rng = np.random.default_rng(3)
    angles = squareform(np.arccos(1 - pdist(rng.normal(size=(36, 8)) + 0.5, "cosine")))
    outcome = permutation_test(angles, FAMILIES, FALLING, **QUICK)
    assert any("angles" in caution for caution in outcome.cautions)


def test_negative_squared_distances_count_as_zero_and_are_counted(distances):
    # The first member of each family lies between two others, nearer than any triangle allows.
    bent = distances.copy()
    for first in range(0, 36, 6):
        bent[first, first + 1 : first + 6] = bent[first + 1 : first + 6, first] = 0.01
    outcome = permutation_test(bent, FAMILIES, FALLING, **QUICK)
    assert outcome.member_distances[::6] == (0.0,) * 6
    assert min(outcome.member_distances[1::6]) > 0
    assert any("6 members have a negative" in caution for caution in outcome.cautions)
    assert distances_to_centroid(bent[:6, :6] ** 2)[0] == 0.0


class TestPermdispOfScikitBio:
    def test_is_left_out_where_it_would_not_be_that_of_vegan(self, distances):
        assert crosschecks.permdisp(distances, FAMILIES, 19, 0) is not None
        assert crosschecks.permdisp(distances**3, FAMILIES, 19, 0) is None

    def test_does_not_count_single_members(self, distances):
        several = crosschecks.permdisp(distances[:12, :12], FAMILIES[:12], 19, 0)
        with_single = crosschecks.permdisp(distances[:13, :13], FAMILIES[:13], 19, 0)
        assert with_single == several

    def test_makes_nothing_of_rounding(self):
        equal = 1.0 - np.eye(36)
        assert crosschecks.permdisp(equal, FAMILIES, 19, 0).statistic is None

    def test_of_pairs_gives_no_infinite_statistic(self, distances):
        pairs = np.repeat(list("abcdef"), 2).tolist()
        outcome = permutation_test(distances[:12, :12], pairs, FALLING, permutations=19)
        assert outcome.statistic is None and outcome.pvalue is None and outcome.permdisp is None
        assert outcome.verdict == "undecidable"
        json.dumps(outcome.to_dict(), allow_nan=False)


class TestInputAsItComes:
    def test_rounding_on_the_diagonal_is_forgiven(self, distances):
        rounded = distances - 1e-17 * np.eye(36)
        assert permutation_test(rounded, FAMILIES, FALLING, **QUICK) == permutation_test(
            distances, FAMILIES, FALLING, **QUICK
        )

    def test_a_distance_matrix_of_scikit_bio(self, distances):
        from skbio.stats.distance import DistanceMatrix

        names = [f"{family}/{index}" for index, family in enumerate(FAMILIES)]
        order = np.random.default_rng(4).permutation(36)
        matrix = DistanceMatrix(distances[np.ix_(order, order)], [names[place] for place in order])
        expected = permutation_test(distances, FAMILIES, FALLING, members=names, **QUICK)
        assert permutation_test(matrix, FAMILIES, FALLING, members=names, **QUICK) == expected
        unnamed = permutation_test(DistanceMatrix(distances), FAMILIES, FALLING, **QUICK)
        assert unnamed == permutation_test(distances, FAMILIES, FALLING, **QUICK)

    def test_labels_of_a_data_frame_are_matched(self, distances):
        names = [f"{family}/{index}" for index, family in enumerate(FAMILIES)]
        frame = pd.DataFrame(distances, index=names, columns=names)
        mixed = frame.sample(frac=1, random_state=0).sample(frac=1, axis=1, random_state=1)
        of_members = dict(zip(names, FAMILIES, strict=True))
        expected = permutation_test(distances, FAMILIES, FALLING, members=names, **QUICK)
        assert permutation_test(mixed, FAMILIES, FALLING, members=names, **QUICK) == expected
        by_label = permutation_test(
            mixed, pd.Series(of_members), pd.Series(FALLING), control="a", **QUICK
        )
        assert (by_label.verdict, by_label.pvalue) == (expected.verdict, expected.pvalue)
        assert set(by_label.members) == set(names)

    def test_generalisation_by_the_name_of_the_member(self, distances):
        names = [f"{family}/{index}" for index, family in enumerate(FAMILIES)]
        values = pd.Series({name: FALLING[name[0]] for name in reversed(names)})
        outcome = permutation_test(distances, FAMILIES, values, members=names, **QUICK)
        assert outcome.generalisation == pytest.approx(FALLING)
        listed = pd.Series(values[names].to_numpy())
        assert permutation_test(
            distances, FAMILIES, listed, members=names, **QUICK
        ).generalisation == pytest.approx(FALLING)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda names: ["z/0", *names[1:]], "the label 'z/0', which is not a member"),
            (lambda names: [names[1], *names[1:]], "the label 'a/1' twice"),
        ],
    )
    def test_labels_that_do_not_fit(self, distances, change, message):
        names = [f"{family}/{index}" for index, family in enumerate(FAMILIES)]
        labels = change(names)
        frame = pd.DataFrame(distances, index=labels, columns=labels)
        with pytest.raises(ValueError, match=message):
            permutation_test(frame, FAMILIES, FALLING, members=names, **QUICK)

    def test_rows_and_columns_of_different_names(self, distances):
        names = [f"{family}/{index}" for index, family in enumerate(FAMILIES)]
        frame = pd.DataFrame(distances, index=names, columns=[*names[:-1], "z"])
        with pytest.raises(ValueError, match="the columns of distances has the label 'z'"):
            permutation_test(frame, FAMILIES, FALLING, **QUICK)

    def test_families_by_name_need_names(self, distances):
        with pytest.raises(ValueError, match="the distances have no names"):
            permutation_test(distances, {"a/0": "a"}, FALLING, **QUICK)
        with pytest.raises(ValueError, match="families lacks the member 'x1'"):
            permutation_test(
                distances,
                {f"x{index + 2}": family for index, family in enumerate(FAMILIES)},
                FALLING,
                members=[f"x{index + 1}" for index in range(36)],
                **QUICK,
            )

    @pytest.mark.parametrize("seed", [None, -1, 0.5, "0"])
    def test_a_seed_that_is_none_is_refused_before_any_work(self, distances, seed):
        with pytest.raises(ValueError, match=r"^seed is "):
            permutation_test(distances, FAMILIES, FALLING, seed=seed)


def test_memory_does_not_grow_with_the_size_of_families():
    squared = squareform(pdist(np.random.default_rng(5).normal(size=(600, 5)), "sqeuclidean"))
    tracemalloc.start()
    permuted_statistics([squared], np.array([300, 300]), 60, np.random.default_rng(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Sixty permutations gathered at once are 86 MB, and twice that with their means.
    assert peak < 80e6


def test_a_pvalue_at_the_floor_is_a_bound(distances):
    outcome = permutation_test(distances, FAMILIES, FALLING, **QUICK)
    assert outcome.pvalue == 1 / 500
    assert "p ≤ 0.002" in outcome.reason
    # All 720 orders of six families are listed, so that theirs is no bound.
    assert "p = 0.0028 over 6 families" in outcome.reason


class TestBlocks:
    def test_members_change_places_within_their_block_only(self):
        # Members of block 1 lie far out in every family; without blocks they pass for noise.
        rng = np.random.default_rng(6)
        block = np.tile([0] * 6 + [1] * 3, 2)
        scale = np.where(block == 1, 10.0, np.repeat([1.0, 1.6], 9))
        points = scale[:, None] * rng.normal(size=(18, 20))
        distances, families = squareform(pdist(points)), ["a"] * 9 + ["b"] * 9
        blocked = permutation_test(distances, families, blocks=block.tolist(), **QUICK)
        free = permutation_test(distances, families, **QUICK)
        assert blocked.statistic == free.statistic
        assert blocked.pvalue < free.pvalue

    def test_one_block_is_no_block(self, distances):
        free = permutation_test(distances, FAMILIES, FALLING, **QUICK)
        assert permutation_test(distances, FAMILIES, FALLING, blocks=["x"] * 36, **QUICK) == free

    def test_blocks_that_do_not_fit(self, distances):
        with pytest.raises(ValueError, match="blocks has 3 labels"):
            permutation_test(distances, FAMILIES, blocks=[0, 0, 1], **QUICK)
        with pytest.raises(ValueError, match="nothing can be exchanged"):
            permutation_test(distances, FAMILIES, blocks=range(36), **QUICK)
        with pytest.raises(ValueError, match="blocks lacks the member 'a/1'"):
            permutation_tests({0: distances}, FAMILIES, blocks={"a/0": 1}, **QUICK)
