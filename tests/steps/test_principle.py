"""The principle across families: what a run hands to the test, and what it keeps of it."""

import dataclasses

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras.comparison import SimilarityMatrix
from akp_keras.export import MemberRecord
from akp_keras.steps.principle import (
    judge_principle,
    leading_measure,
    overall_verdict,
    read_principle,
    write_principle,
)
from akp_keras.steps.verdicts import JudgingSettings

CONTROL = "@0 activation=relu"
SETTINGS = JudgingSettings(permutations=199)
KEY = ("dense", "cka.linear.debiased")


def study(families=30, growth=3.0, seed=0):
    """One member per family; spread grows with the accuracy that is lost, from 95 to 65 %."""
    rng = np.random.default_rng(seed)
    members, points = [], []
    for number in range(families):
        lost = number / (families - 1)
        name = "control" if number == 0 else f"f{number}"
        schedule = CONTROL if number == 0 else f"{CONTROL}; @step:{number} activation=tanh"
        members.append(
            MemberRecord(
                family=name,
                seed=0,
                schedule=schedule,
                layers=("dense",),
                metrics={"test_accuracy": 0.95 - 0.3 * lost, "chance_accuracy": 0.5},
                history={},
                swaps=(),
                steps_per_epoch=1,
            )
        )
        points.append((1 + (growth - 1) * lost) * rng.normal(size=20))
    return members, np.array(points)


def matrix(members, points, excluded=()):
    kept = [index for index, member in enumerate(members) if member.name not in excluded]
    distances = squareform(pdist(points[kept]))
    return SimilarityMatrix(
        layer=KEY[0],
        measure=KEY[1],
        members=tuple(members[index].name for index in kept),
        values=1 - distances,
        distances=distances,
        samples=9,
        features=np.full(len(kept), 20),
        ranks=np.full(len(kept), 20),
        excluded=dict.fromkeys(excluded, "not finite"),
    )


def judge(members, points, **options):
    return judge_principle([matrix(members, points, **options)], members, SETTINGS)[KEY]


def test_spread_that_grows_with_lost_accuracy_is_found_and_its_kind_named():
    outcome = judge(*study())
    assert outcome.across.verdict == "AKP"
    assert outcome.across.effect.ratio > 1
    assert outcome.chance == 0.5
    assert set(outcome.kinds) == {"activation"}
    assert outcome.within.verdict == "undecidable"


def test_equal_spread_is_not_taken_for_the_principle():
    verdicts = {judge(*study(growth=1.0, seed=seed)).across.verdict for seed in range(4)}
    assert verdicts <= {"no difference found", "equivalent"}


def test_families_of_one_schedule_are_one_family():
    members, points = study()
    members[3] = dataclasses.replace(members[3], schedule=CONTROL)
    members[5] = dataclasses.replace(members[5], schedule=members[4].schedule)
    outcome = judge(members, points)
    families = dict(zip(outcome.members, outcome.families, strict=True))
    assert families[members[3].name] == "control"
    assert families[members[5].name] == members[4].family


def test_families_of_nothing_but_the_control_are_undecidable():
    members, points = study(families=9, growth=1.0)
    same = {"test_accuracy": 0.9, "chance_accuracy": 0.5}
    members = [dataclasses.replace(one, schedule=CONTROL, metrics=same) for one in members]
    outcome = judge(members, points)
    assert outcome.across.verdict == "undecidable"
    assert "unhappy" in outcome.across.reason
    assert outcome.kinds == {}


def test_members_at_chance_and_members_without_representations_take_no_part():
    members, points = study()
    guessing = members[7].metrics | {"test_accuracy": 0.5}
    members[7] = dataclasses.replace(members[7], metrics=guessing)
    outcome = judge(members, points, excluded=[members[9].name])
    assert outcome.at_chance == (members[7].name,)
    assert not {members[7].name, members[9].name} & set(outcome.members)


def test_a_control_without_members_is_an_error_that_says_why():
    members, points = study()
    with pytest.raises(ValueError, match="--control=control has no comparable member"):
        judge(members, points, excluded=["control/0"])


def test_outcomes_are_read_as_they_were_written_and_damage_is_named(tmp_path):
    members, points = study(families=9)
    principle = judge_principle([matrix(members, points)], members, SETTINGS)
    write_principle(tmp_path / "principle.json", principle)
    assert read_principle(tmp_path / "principle.json") == principle
    (tmp_path / "principle.json").write_text('[{"layer": "dense"}]')
    with pytest.raises(ValueError, match=r"principle\.json is damaged"):
        read_principle(tmp_path / "principle.json")


def layers(*verdicts, measure=KEY[1]):
    """Outcomes across families with these verdicts, one a layer."""
    members, points = study(families=9)
    outcome = judge(members, points)
    return {
        (f"layer{number}", measure): dataclasses.replace(
            outcome, across=dataclasses.replace(outcome.across, verdict=verdict)
        )
        for number, verdict in enumerate(verdicts)
    }


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("AKP", "no difference found", "undecidable"), "AKP"),
        (("equivalent", "anti-AKP"), "anti-AKP"),
        (("anti-AKP", "AKP", "equivalent"), "AKP and anti-AKP"),
        (("undecidable", "undecidable"), "undecidable"),
        (("equivalent", "undecidable"), "equivalent"),
        (("equivalent", "no difference found"), "no difference found"),
    ],
)
def test_one_layer_is_enough_for_the_network_and_contradictions_are_said(verdicts, expected):
    assert overall_verdict(layers(*verdicts)) == expected


def test_the_leading_measure_alone_speaks_for_the_network():
    others = layers("AKP", measure="cka.linear")
    assert overall_verdict(others | layers("no difference found")) == "no difference found"
    assert overall_verdict(others) == "AKP"


def test_sentences_on_drawn_schedules_speak_of_their_distribution():
    members, points = study()
    for schedules, words in (("drawn", "this distribution of stress"), ("picked", "these sched")):
        settings = dataclasses.replace(SETTINGS, schedules=schedules)
        outcome = judge_principle([matrix(members, points)], members, settings)[KEY]
        assert words in outcome.across.sentence


def test_debiased_cka_leads_where_it_is_there():
    assert leading_measure(["cka.linear", "cka.linear.debiased"]) == "cka.linear.debiased"
    assert leading_measure(["procrustes.angular", "cka.linear"]) == "procrustes.angular"
