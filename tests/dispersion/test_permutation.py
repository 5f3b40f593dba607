import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras.dispersion import permutation_test, permutation_tests

GROWING = np.geomspace(1.0, 2.5, 7)
QUICK = {"permutations": 499, "crosscheck_permutations": 0}


def test_less_generalisation_and_more_dispersion_is_akp(draw, falling):
    distances, families = draw(GROWING)
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "AKP"
    assert outcome.association.statistic < -0.8
    assert outcome.pvalue == outcome.adjusted_pvalue == 1 / 500
    assert "more dispersed" in outcome.reason
    assert outcome.ratios["memoriser"].interval[0] > 0
    assert "control" not in outcome.ratios
    assert outcome.unhappy == tuple(dict.fromkeys(families))[1:]
    assert outcome.cautions == ()


def test_less_generalisation_and_less_dispersion_is_anti_akp(draw, falling):
    distances, families = draw(GROWING[::-1])
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "anti-AKP"
    assert outcome.association.statistic > 0.8
    assert "less dispersed" in outcome.reason


def test_equal_dispersion_is_neither(draw, falling):
    distances, families = draw([1.0] * 7)
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "neither"
    assert outcome.pvalue > 0.05
    assert "do not differ" in outcome.reason


def test_dispersion_that_does_not_follow_generalisation_is_neither(draw, falling):
    distances, families = draw([1.0, 2.5, 1.2, 1.0, 2.4, 1.1, 1.3])
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "neither"
    assert outcome.pvalue <= 0.05 < outcome.association.pvalue
    assert "do not follow generalisation" in outcome.reason


def test_order_without_a_difference_of_dispersions_is_neither(draw):
    # Dispersions as good as equal, in the perfect order: the family-level test alone is no AKP.
    distances, families = draw([1.0] * 7)
    dispersion = permutation_test(distances, families, **QUICK).dispersion
    generalisation = {family: -value for family, value in dispersion.items()}
    outcome = permutation_test(distances, families, generalisation, margin=0.0, **QUICK)
    assert outcome.association.pvalue <= 0.05 < outcome.pvalue
    assert outcome.verdict == "neither"


def test_one_sided_test_does_not_see_the_other_direction(draw, falling):
    distances, families = draw(GROWING[::-1])
    options = {"alternative": "less", **QUICK}
    outcome = permutation_test(distances, families, falling(families), **options)
    assert outcome.verdict == "neither"


def test_too_few_members_is_undecidable(draw, falling):
    distances, families = draw(GROWING, members=[8, 8, 4, 8, 8, 8, 8])
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "undecidable"
    assert "hinge has 4" in outcome.reason and "at least 5" in outcome.reason
    assert outcome.pvalue <= 0.05


def test_five_members_decide_with_a_caution(draw, falling):
    distances, families = draw(GROWING, members=5)
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "AKP"
    assert any("Fewer than 8 members" in caution for caution in outcome.cautions)


def test_too_few_families_is_undecidable(draw, falling):
    distances, families = draw([1.0, 1.5, 2.0, 3.0])
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.verdict == "undecidable"
    assert outcome.association.smallest_pvalue == pytest.approx(2 / 24)
    assert "at least 5 families" in outcome.reason
    options = {"alternative": "less", **QUICK}
    assert permutation_test(distances, families, falling(families), **options).verdict == "AKP"


def test_tied_generalisation_is_undecidable(draw):
    distances, families = draw(GROWING)
    generalisation = dict.fromkeys(families, 0.9) | {"memoriser": 0.5}
    outcome = permutation_test(distances, families, generalisation, **QUICK)
    assert outcome.verdict == "undecidable"
    assert "generalise differently" in outcome.reason
    assert outcome.unhappy == ("memoriser",)


def test_missing_generalisation_is_undecidable(draw):
    distances, families = draw(GROWING)
    outcome = permutation_test(distances, families, **QUICK)
    assert outcome.verdict == "undecidable"
    assert "generalisation is not given" in outcome.reason
    assert outcome.association is None and outcome.generalisation is None
    assert outcome.pvalue == 1 / 500


def test_families_that_generalise_alike_are_undecidable(draw):
    distances, families = draw(GROWING)
    generalisation = dict(zip(dict.fromkeys(families), np.linspace(0.9, 0.895, 7), strict=True))
    outcome = permutation_test(distances, families, generalisation, **QUICK)
    assert outcome.verdict == "undecidable"
    assert "generalise alike" in outcome.reason
    strict = permutation_test(distances, families, generalisation, margin=0.0, **QUICK)
    assert strict.verdict == "AKP"


def test_shuffled_families_give_no_verdict(draw, falling):
    distances, families = draw(GROWING, separation=0.0)
    rng = np.random.default_rng(0)
    verdicts = [
        permutation_test(
            distances, rng.permutation(families).tolist(), falling(families), **QUICK
        ).verdict
        for _ in range(40)
    ]
    assert verdicts.count("neither") >= 38


def test_generalisation_of_members_is_averaged_over_families(draw, falling):
    distances, families = draw(GROWING)
    means = falling(families)
    rng = np.random.default_rng(1)
    values = np.array([means[family] for family in families])
    jitter = rng.normal(0, 0.01, len(values))
    for family in means:
        jitter[np.array(families) == family] -= jitter[np.array(families) == family].mean()
    by_member = permutation_test(distances, families, (values + jitter).tolist(), **QUICK)
    by_family = permutation_test(distances, families, means, **QUICK)
    assert by_member.generalisation == pytest.approx(by_family.generalisation)
    assert by_member.association == by_family.association


def test_identical_members_have_no_dispersion(falling):
    distances = np.kron(1.0 - np.eye(5), np.ones((6, 6)))
    families = np.repeat(list("abcde"), 6).tolist()
    outcome = permutation_test(distances, families, falling(families), permutations=199)
    assert set(outcome.dispersion.values()) == {0.0}
    assert set(outcome.member_distances) == {0.0}
    assert outcome.statistic == 0.0 and outcome.pvalue == 1.0
    assert outcome.verdict == "undecidable"
    assert "identical" in outcome.reason
    assert outcome.ratios["b"].log_ratio is None
    json.dumps(outcome.to_dict(), allow_nan=False)


def test_one_family_of_identical_members(draw, falling):
    distances, families = draw([1.0] * 6)
    distances[:8, :8] = 0.0
    outcome = permutation_test(distances, families, falling(families), **QUICK)
    assert outcome.dispersion["control"] == 0.0
    assert outcome.ratios["gelu"].log_ratio == np.inf
    plain = outcome.to_dict()
    assert plain["ratios"]["gelu"] == {"log_ratio": None, "interval": None, "level": 0.95}
    json.dumps(plain, allow_nan=False)


@pytest.mark.parametrize("members", [[1, 5, 5], [1, 1, 5], [1, 1, 1], [2, 2, 2], [2, 1, 1]])
def test_the_fewest_members_are_undecidable_and_never_fail(draw, falling, members):
    distances, families = draw([1.0, 1.5, 2.0], members=members)
    outcome = permutation_test(distances, families, falling(families), permutations=99)
    assert outcome.verdict == "undecidable"
    for family, size in zip(dict.fromkeys(families), members, strict=True):
        assert (outcome.dispersion[family] is None) == (size == 1)
    testable = sum(size > 1 for size in members) >= 2 and max(members) > 2
    assert (outcome.pvalue is not None) == testable
    json.dumps(outcome.to_dict(), allow_nan=False)


def test_one_seed_gives_one_outcome(draw, falling):
    distances, families = draw([1.0, 1.1, 1.0, 1.2, 1.3, 1.1, 1.2])
    first, again = (
        permutation_test(distances, families, falling(families), permutations=99, seed=3)
        for _ in range(2)
    )
    assert json.dumps(first.to_dict()) == json.dumps(again.to_dict())
    others = {permutation_test(distances, families, seed=s, **QUICK).pvalue for s in range(4)}
    assert len(others) > 1


def test_json_is_in_a_fixed_order(draw, falling):
    distances, families = draw(GROWING)
    plain = permutation_test(distances, families, falling(families), **QUICK).to_dict()
    assert list(plain)[:5] == ["verdict", "reason", "cautions", "statistic", "pvalue"]
    assert list(plain["dispersion"]) == list(dict.fromkeys(families))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_control_comes_first_and_is_chosen_by_name_or_order(draw):
    distances, families = draw(GROWING)
    outcome = permutation_test(distances, families, control="pulse", **QUICK)
    assert next(iter(outcome.dispersion)) == "pulse"
    assert "pulse" not in outcome.ratios and "control" in outcome.ratios
    moved = [{"control": "z"}.get(family, family) for family in families]
    assert permutation_test(distances, moved, **QUICK).control == "z"
    assert permutation_test(distances, families[8:] + families[:8], **QUICK).control == "control"


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(30)), scale=st.sampled_from([1e-6, 0.3, 1e5]))
def test_order_of_members_and_scale_of_distances_do_not_matter(order, scale):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(30, 6)) * np.repeat(np.linspace(1, 2, 5), 6)[:, None]
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    families = np.repeat(list("abcde"), 6)
    names = [f"{family}/{index % 6}" for index, family in enumerate(families)]
    generalisation = dict(zip("abcde", [0.9, 0.8, 0.7, 0.75, 0.5], strict=True))
    options = {"members": names, "control": "a", **QUICK}
    plain = permutation_test(distances, families, generalisation, **options)
    options["members"] = [names[index] for index in order]
    moved = permutation_test(
        scale * distances[np.ix_(order, order)], families[order], generalisation, **options
    )
    assert (moved.verdict, moved.pvalue) == (plain.verdict, plain.pvalue)
    assert moved.statistic == pytest.approx(plain.statistic, rel=1e-9)
    assert moved.association == plain.association
    expected = [scale * plain.member_distances[index] for index in order]
    np.testing.assert_allclose(moved.member_distances, expected, rtol=1e-9)
    for family, ratio in plain.ratios.items():
        assert moved.ratios[family].log_ratio == pytest.approx(ratio.log_ratio, abs=1e-9)
        assert moved.ratios[family].interval == pytest.approx(ratio.interval, abs=1e-9)


def test_dispersion_is_the_mean_of_member_distances(draw):
    distances, families = draw(GROWING, members=[5, 6, 7, 8, 9, 10, 11])
    outcome = permutation_test(distances, families, **QUICK)
    for family, value in outcome.dispersion.items():
        of_family = [
            z for z, name in zip(outcome.member_distances, families, strict=True) if name == family
        ]
        assert np.mean(of_family) == pytest.approx(value)
        assert outcome.sizes[family] == len(of_family)
    ratio = np.log(outcome.dispersion["shock"] / outcome.dispersion["control"])
    assert outcome.ratios["shock"].log_ratio == pytest.approx(ratio)


def test_several_layers_share_permutations_and_are_adjusted(draw, falling):
    layers = {}
    for seed, scales in enumerate([GROWING, [1.0] * 7, [1.0] * 7]):
        layers[f"block{seed}"], families = draw(scales, seed=seed)
    outcomes = permutation_tests(layers, families, falling(families), **QUICK)
    assert list(outcomes) == list(layers)
    for layer, outcome in outcomes.items():
        alone = permutation_test(layers[layer], families, falling(families), **QUICK)
        assert outcome.pvalue == alone.pvalue
        assert outcome.statistic == alone.statistic
        assert outcome.adjusted_pvalue >= outcome.pvalue
        assert outcome.association.adjusted_pvalue >= outcome.association.pvalue
    assert outcomes["block0"].verdict == "AKP"
    assert outcomes["block1"].verdict == outcomes["block2"].verdict == "neither"
    assert outcomes["block1"].adjusted_pvalue > outcomes["block1"].pvalue


def test_verdicts_use_the_adjusted_pvalue_of_dispersions(draw):
    distances, families = draw(np.geomspace(1.0, 1.3, 7))
    dispersion = permutation_test(distances, families, **QUICK).dispersion
    generalisation = {family: -value for family, value in dispersion.items()}
    options = {"margin": 0.0, **QUICK}
    alone = permutation_test(distances, families, generalisation, **options)
    assert 0.01 < alone.pvalue <= 0.05
    assert alone.verdict == "AKP"
    many = {0: distances}
    for seed in range(1, 9):
        many[seed], _ = draw([1.0] * 7, seed=seed)
    together = permutation_tests(many, families, generalisation, **options)[0]
    assert together.pvalue == alone.pvalue
    assert together.association.adjusted_pvalue <= 0.05 < together.adjusted_pvalue
    assert together.verdict == "neither"


def test_verdicts_use_the_adjusted_pvalue_of_the_association(draw, falling):
    distances, families = draw(GROWING[:5], members=5)
    alone = permutation_test(distances, families, falling(families), **QUICK)
    assert alone.association.pvalue == pytest.approx(2 / 120)
    assert alone.verdict == "AKP"
    many = {0: distances}
    for seed in range(1, 12):
        many[seed], _ = draw([1.0] * 5, members=5, seed=seed)
    together = permutation_tests(many, families, falling(families), **QUICK)[0]
    assert together.association.pvalue == alone.association.pvalue
    assert together.association.adjusted_pvalue > 0.05
    assert together.verdict == "neither"


def test_scikit_bio_is_imported_only_for_the_cross_checks():
    code = (
        "import sys, numpy as np\n"
        "from akp_keras.dispersion import permutation_test\n"
        "d = 1.0 - np.eye(6)\n"
        "permutation_test(d, list('aaabbb'), permutations=19, crosscheck_permutations=0)\n"
        "heavy = {'skbio', 'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
