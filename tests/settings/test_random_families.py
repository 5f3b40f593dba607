import json

import pytest

from akp_keras.settings import Experiment

CONTROL = {"control": "@0 activation=relu loss=binary_crossentropy"}


def experiment(**settings):
    return Experiment(**({"families": CONTROL, "random_families": 6} | settings))


def test_random_families_join_the_named_ones_with_their_own_number_of_members():
    made = experiment(random_members=2, members=5)
    names = [family.name for family in made.parsed_families]
    assert names == ["control", *(f"random{number:03d}" for number in range(6))]
    members = [member.name for member in made.planned_members()]
    assert members[:7] == [*(f"control/{seed}" for seed in range(5)), "random000/0", "random000/1"]
    assert len(members) == 5 + 12


def test_a_run_can_be_repeated_from_what_it_writes_whatever_the_generator_does(monkeypatch):
    made = experiment()
    written = json.loads(json.dumps(made.values()))
    assert Experiment(**written) == made
    monkeypatch.setattr("akp_keras.stress.drawing._MOST_TRIES", 50)
    other = {"stress": "loss=poisson"}
    assert Experiment(**(written | other)).families == made.families


def test_more_random_families_keep_the_first_ones():
    assert experiment(random_families=11).families[:7] == experiment().families
    assert experiment(seed=1).families[1:] != experiment().families[1:]


def test_a_named_family_takes_the_place_of_a_random_one():
    picked = "random002: @0 activation=relu; @3 activation=tanh"
    made = experiment(families=["control: @0 activation=relu", picked])
    assert made.families[1] == picked
    assert len(made.families) == 7


def test_only_where_all_but_the_control_are_random_they_are_a_sample():
    assert experiment().is_drawn
    assert not experiment(families=CONTROL | {"late": "@0 activation=relu; @6 loss=hinge"}).is_drawn
    assert not experiment(families=CONTROL | {"x": "@1 loss=hinge"}, random_families=0).is_drawn


def test_members_of_a_family_may_be_as_many_as_its_text_says():
    made = experiment(families=CONTROL | {"x members=3": "@1 loss=hinge"}, random_families=0)
    assert made.families[1] == "x members=3: @1 loss=hinge"
    assert len(made.planned_members()) == 8 + 3
    assert made.texts()["family=x members=3"] == "@1 loss=hinge"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"random_families": -1}, "--random_families=-1 must be from 0"),
        ({"random_members": 0}, "--random_members=0 must be from 1"),
        ({"stress": "activation"}, "--stress: 'activation' must be target=values"),
        ({"epochs": 1}, r"--random_families=6: times=0\.3\.\.1 hold the beginning of no epoch"),
        (
            {"stress": "loss=hinge; swaps=1", "random_families": 9},
            "--random_families=9: the distribution has too few different schedules",
        ),
        ({"control": "none"}, r"--control=none is not one of the families \(control\)"),
        (
            {"families": {"control": "@0 loss=hinge; @2 loss=poisson"}},
            "--random_families=6: the control must change nothing after the start",
        ),
        (
            {"families": CONTROL | {"x members=0": "@1 loss=hinge"}},
            "--family=x: 'members=0' after the name must be members=K",
        ),
        (
            {"families": CONTROL | {"late hinge": "@1 loss=hinge"}},
            "--family=late: 'hinge' after the name must be members=K.*no spaces",
        ),
    ],
)
def test_wrong_settings_are_refused_by_the_name_of_their_flag(settings, message):
    with pytest.raises(ValueError, match=message):
        experiment(**settings)
