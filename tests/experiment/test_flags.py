import dataclasses

import pytest
from absl import flags

from akp_keras.command_line import help_text
from akp_keras.experiment.flags import STAGES, define_flags, settings_from_flags

FAMILIES = ["--family=control: @0 activation=relu", "--family=x: @1 activation=tanh"]


def settings(*arguments):
    values = flags.FlagValues()
    define_flags(values)
    values(["test", *FAMILIES, *arguments])
    return settings_from_flags(values)


def test_defaults_with_two_families_are_an_experiment():
    found = settings()
    assert [family.name for family in found.families] == ["control", "x"]
    assert len(found.member_specifications()) == 2 * found.members
    assert found.measures[0] == "cka.linear"


def test_parameters_of_measures_may_hold_commas():
    assert settings("--measures=cka.linear, procrustes.angular").measures == (
        "cka.linear",
        "procrustes.angular",
    )


def test_settings_survive_the_way_through_flags():
    found = settings("--epochs=3", "--learning_rate=0.1", "--max_samples=64")
    stored = found.to_flags()
    again = settings(
        *(f"--{name}={value}" for name, value in stored.items() if name in ("epochs", "seed")),
        f"--learning_rate={stored['learning_rate']!r}",
        f"--max_samples={stored['max_samples']}",
    )
    assert again == found


def test_members_have_seeds_of_their_own():
    seeds = [member.random_seed for member in settings().member_specifications()]
    assert len(set(seeds)) == len(seeds)
    others = [member.random_seed for member in settings("--seed=1").member_specifications()]
    assert not set(seeds) & set(others)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--members=-1", "--members=-1 must be at least 1"),
        ("--epochs=0", "--epochs=0 must be at least 1"),
        ("--batch_size=0", "--batch_size=0 must be at least 1"),
        ("--learning_rate=-1", "--learning_rate=-1.0 must be positive"),
        ("--learning_rate=nan", "--learning_rate=nan must be positive"),
        ("--learning_rate=inf", "--learning_rate=inf must be positive and finite"),
        ("--seed=4294967296", "--seed=4294967296 must be at most 4294967295"),
        ("--batch_size=99999999999999999999", "--batch_size=9+ must be at most"),
        ("--alpha=0.00001", "--permutations=9999 are too few .* --alpha=1e-05; at least 99999 are"),
        ("--margin=-1", "--margin=-1.0 must be zero or a positive number"),
        ("--memory_gb=0", "--memory_gb=0.0 must be positive"),
        (f"--family={'x' * 65}: @0 loss=hinge", "must be of at most 64 letters"),
        ("--alpha=1.5", "--alpha=1.5 must lie between 0 and 1"),
        ("--permutations=3", "--permutations=3 must be at least"),
        ("--probe_samples=2", "--probe_samples=2 must be at least"),
        ("--control=c", r"--control=c is none of the families \(control, x\)"),
        (
            "--dataset=synthetic_cell",
            "--dataset: unknown data set .*did you mean 'synthetic_cells'",
        ),
        ("--model=small_cn", "--model: unknown model .*did you mean 'small_cnn'"),
        ("--measures=cka.linera", "--measures: unknown measure .*cka.linear"),
        ("--measures=", "--measures is empty"),
        ("--measures=cka.linear,cka.linear", "--measures names cka.linear twice"),
        ("--measures=regression.linear", "--measures: regression.linear has no distance"),
        ("--spatial=average", "--spatial=average is none of flatten"),
        ("--family=control: @0 loss=hinge", "--family=control is given twice"),
        ("--family=y: @99 loss=hinge", "--family=y: the swap @99 loss=hinge never comes"),
        ("--family=y: @3 labels=random(1.0)", "--family=y: .*labels can change once and at the"),
        ("--family=y: @0 labels=random(2)", "--family=y: .*p from 0 to 1"),
        ("--family=y: @0 actvation=relu", "--family=y: .*did you mean 'activation'"),
    ],
)
def test_wrong_flags_are_refused_in_one_line_that_names_the_flag(argument, message):
    with pytest.raises(ValueError, match=message) as refusal:
        settings(argument)
    assert "\n" not in str(refusal.value)


def test_help_lists_every_flag_under_its_stage():
    values = flags.FlagValues()
    define_flags(values)
    text = help_text(values, STAGES)
    for stage in STAGES:
        assert f"\n{stage}:" in text
    for name in values:
        assert f"--{name}:" in text or f"--[no]{name}:" in text


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().epochs = 3


def test_snapshots_are_epochs_or_every_kth_and_off_by_default():
    assert settings().snapshots == ""
    assert "snapshots" not in settings().to_flags()
    assert settings().training(None).snapshots == ()
    assert settings().training(None).probe_samples == 0
    some = settings("--epochs=6", "--snapshots=every:2")
    assert some == settings("--epochs=6", "--snapshots=0,2,4")
    assert some.to_flags()["snapshots"] == "0,2,4,5"
    assert some.training(None).snapshots == (0, 2, 4, 5)
    assert some.training(None).probe_samples == some.probe_samples
    with pytest.raises(ValueError, match=r"^--snapshots: epoch 9 never comes"):
        settings("--epochs=6", "--snapshots=9")
    with pytest.raises(ValueError, match=r"^--snapshots: 'all' is neither"):
        settings("--snapshots=all")
