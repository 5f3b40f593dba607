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
    write_verdicts,
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
    write_verdicts(tmp_path / "verdict.json", outcomes)
    assert (
        outcomes["one", "cka.linear"].reason.split()[0] in (tmp_path / "verdict.json").read_text()
    )


def test_infinite_ratios_survive_json(tmp_path):
    separate = matrix("one")
    same = separate.distances.copy()
    same[:6, :6] = 0
    outcomes = judge_layers([dataclasses.replace(separate, distances=same)], ACCURACIES, SETTINGS)
    write_outcomes(tmp_path / "dispersion.json", outcomes)
    (outcome,) = read_outcomes(tmp_path / "dispersion.json").values()
    assert outcome.ratios["b"].log_ratio == np.inf
    assert outcome == outcomes["one", "cka.linear"]
