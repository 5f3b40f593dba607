import dataclasses

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras.comparison import SimilarityMatrix
from akp_keras.steps.verdicts import (
    JudgingSettings,
    judge_layers,
    read_outcomes,
    write_outcomes,
)

MEMBERS = tuple(f"{family}/{seed}" for family in "abcdef" for seed in range(6))
SETTINGS = JudgingSettings(control="a", permutations=199)


def matrix(layer, excluded=()):
    rng = np.random.default_rng(len(layer))
    members = tuple(name for name in MEMBERS if name not in excluded)
    points = rng.normal(size=(len(members), 10))
    return SimilarityMatrix(
        layer=layer,
        measure="cka.linear",
        members=members,
        values=np.eye(len(members)),
        distances=squareform(pdist(points)),
        samples=20,
        features=np.full(len(members), 10),
        ranks=np.full(len(members), 10),
        excluded=dict.fromkeys(excluded, "constant over the probe set: it tells no samples apart"),
    )


ACCURACIES = {name: 0.5 + 0.01 * number for number, name in enumerate(MEMBERS)}


def test_all_layers_share_their_members():
    outcomes = judge_layers(
        [matrix("one"), matrix("three", excluded=["c/1"])], ACCURACIES, SETTINGS
    )
    for outcome in outcomes.values():
        assert "c/1" not in outcome.members
        assert outcome.sizes["c"] == 5
        assert any("c/1 (three is constant" in caution for caution in outcome.cautions)


def test_a_member_that_is_left_out_still_counts_for_what_its_family_generalises():
    complete = judge_layers([matrix("one")], ACCURACIES, SETTINGS)
    partial = judge_layers([matrix("one", ["c/1"])], ACCURACIES, SETTINGS)
    key = ("one", "cka.linear")
    assert partial[key].generalisation["c"] == complete[key].generalisation["c"]


def test_a_control_without_members_is_an_error_that_says_why():
    dead = [f"a/{seed}" for seed in range(6)]
    with pytest.raises(ValueError, match=r"--control=a has no comparable member \(one is constant"):
        judge_layers([matrix("one", dead)], ACCURACIES, SETTINGS)


def test_outcomes_are_read_as_they_were_written(tmp_path):
    outcomes = judge_layers([matrix("one"), matrix("three")], ACCURACIES, SETTINGS)
    write_outcomes(tmp_path / "dispersion.json", outcomes)
    assert read_outcomes(tmp_path / "dispersion.json") == outcomes


def test_families_of_few_members_do_not_make_the_others_undecidable():
    few = [name for name in MEMBERS if name[0] == "a" and name != "a/0"]
    settings = dataclasses.replace(SETTINGS, control="f")
    (outcome,) = judge_layers([matrix("one", few)], ACCURACIES, settings).values()
    assert set(outcome.sizes) == set("bcdef")
    assert outcome.verdict != "undecidable"
    assert any("1 family of fewer than 5 members takes no part" in c for c in outcome.cautions)


def test_where_the_control_is_small_all_families_are_shown_and_nothing_is_decided():
    few = [name for name in MEMBERS if name[0] == "a" and name[-1] not in "01"]
    (outcome,) = judge_layers([matrix("one", few)], ACCURACIES, SETTINGS).values()
    assert set(outcome.sizes) == set("abcdef")
    assert outcome.verdict == "undecidable"


def test_families_of_one_member_have_no_dispersion_and_decide_nothing():
    single = [name for name in MEMBERS if name[-1] != "0"]
    (outcome,) = judge_layers([matrix("one", single)], ACCURACIES, SETTINGS).values()
    assert set(outcome.dispersion.values()) == {None}
    assert outcome.verdict == "undecidable"


def test_infinite_ratios_survive_json(tmp_path):
    separate = matrix("one")
    same = separate.distances.copy()
    same[:6, :6] = 0
    outcomes = judge_layers([dataclasses.replace(separate, distances=same)], ACCURACIES, SETTINGS)
    write_outcomes(tmp_path / "dispersion.json", outcomes)
    (outcome,) = read_outcomes(tmp_path / "dispersion.json").values()
    assert outcome.ratios["b"].log_ratio == np.inf
    assert outcome == outcomes["one", "cka.linear"]
