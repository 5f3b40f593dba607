import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from absl import flags

from akp_keras.settings import Experiment, Running, declarations
from akp_keras.settings.flags import STAGES, define_flags, group_from_flags

ROOT = Path(__file__).parents[2]
FAMILIES = ["--family=control: @0 activation=relu", "--family=x: @1 activation=tanh"]


def settings(*arguments):
    values = flags.FlagValues()
    define_flags(values, Experiment, Running)
    values(["test", *FAMILIES, *arguments])
    return group_from_flags(Experiment, values)


def test_defaults_with_two_families_are_an_experiment():
    experiment = settings()
    assert [family.name for family in experiment.parsed_families] == ["control", "x"]
    assert len(experiment.planned_members()) == 2 * experiment.members
    assert experiment.measures[0] == "cka.linear"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"families": None}, "--family=None must be texts"),
        ({"measures": 5}, "--measures=5 must be texts"),
        ({"optimizer": None}, "--optimizer=None must be text"),
        ({"control": b"x"}, "--control=b'x' must be text"),
        ({"members": 2.5}, "--members=2.5 must be a whole number"),
        ({"members": "x"}, "--members=x must be a whole number"),
    ],
)
def test_values_of_a_wrong_type_are_refused_by_the_name_of_their_flag(values, message):
    families = {"control": "@0 activation=relu", "x": "@1 activation=tanh"}
    with pytest.raises(ValueError, match=message):
        Experiment(**{"families": families} | values)


def test_parameters_of_measures_may_hold_commas():
    assert settings("--measures=cka.linear, procrustes.angular").measures == (
        "cka.linear",
        "procrustes.angular",
    )


def test_settings_survive_the_way_through_json_and_through_flags():
    experiment = settings(
        "--epochs=3", "--learning_rate=0.1", "--max_samples=64", "--snapshots=1", "--taps=a,b.*"
    )
    assert Experiment(**json.loads(json.dumps(experiment.values()))) == experiment
    flagfile = [
        f"--{declared.flag}={text}"
        for declared in declarations(Experiment)
        if (value := getattr(experiment, declared.name)) is not None
        for text in (value if declared.flag == "family" else [declared.text(value)])
    ]
    values = flags.FlagValues()
    define_flags(values, Experiment)
    values(["test", *flagfile])
    assert group_from_flags(Experiment, values) == experiment


def test_optimizers_may_have_parameters():
    optimizer = settings("--optimizer=AdamW(weight_decay=1e-4, beta_1=0.8)").optimizer
    assert optimizer == "AdamW(weight_decay=1e-4,beta_1=0.8)"


def test_families_may_be_a_mapping_and_numbers_may_be_texts():
    experiment = Experiment(
        families={"control": "@0 activation=relu", "x": "@1 activation=tanh"},
        epochs="3",
        measures=["cka.linear"],
    )
    assert experiment == settings("--epochs=3", "--measures=cka.linear")


def test_sequences_stand_for_lists_and_schedules_may_have_several_lines():
    experiment = Experiment(
        families={"control": "@0 activation=relu;\n   @1 loss=hinge", "x": "@1 activation=tanh"},
        epochs=3,
        snapshots=[0, 2],
    )
    assert experiment.families[0] == "control: @0 activation=relu; @1 loss=hinge"
    assert experiment.snapshots == "0,2"


def test_members_have_seeds_of_their_own():
    seeds = [member.random_seed for member in settings().planned_members()]
    assert len(set(seeds)) == len(seeds)
    others = [member.random_seed for member in settings("--seed=1").planned_members()]
    assert not set(seeds) & set(others)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--members=-1", "--members=-1 must be from 1 to"),
        ("--epochs=0", "--epochs=0 must be from 1 to"),
        ("--batch_size=0", "--batch_size=0 must be from 1 to"),
        ("--learning_rate=-1", "--learning_rate=-1.0 must be above 0"),
        ("--learning_rate=nan", "--learning_rate=nan must be above 0 and finite"),
        ("--learning_rate=inf", "--learning_rate=inf must be above 0 and finite"),
        ("--seed=4294967296", "--seed=4294967296 must be from 0 to 4294967295"),
        ("--batch_size=99999999999999999999", "--batch_size=9+ must be from 1 to"),
        ("--alpha=0.00001", "--permutations=9999 are too few .* --alpha=1e-05; at least 99999 are"),
        ("--alpha=1e-320", "--permutations=9999 are too few .* at least inf are needed"),
        (f"--members={'9' * 400}", "--members=9+ must be from 1 to"),
        ("--margin=-1", "--margin=-1.0 must be at least 0"),
        ("--memory_gb=0", "--memory_gb=0.0 must be above 0"),
        (f"--family={'x' * 65}: @0 loss=hinge", "must have at most 64 letters"),
        ("--alpha=1.5", "--alpha=1.5 must be above 0 and below 1"),
        ("--permutations=3", "--permutations=3 must be from 99"),
        ("--probe_samples=2", "--probe_samples=2 must be from 8"),
        ("--control=c", r"--control=c is not one of the families \(control, x\)"),
        (
            "--dataset=synthetic_cell",
            "--dataset: unknown data set .*did you mean 'synthetic_cells'",
        ),
        ("--model=small_cn", "--model: unknown model .*did you mean 'small_cnn'"),
        ("--model=module:", "--model: unknown model 'module:'"),
        ("--taps=dense1,(", r"--taps: '\(' is not a regular expression"),
        ("--initial_weights=mine", "--initial_weights=mine must be one of as_built, own, shared"),
        ("--optimizer=adam(", r"--optimizer=adam\( must be a name, or a name with arguments"),
        ("--optimizer=sgd(0.9)", "--optimizer=.*parameters have names"),
        ("--optimizer=sgd(learning_rate=1)", "--optimizer=.*flag of its own, --learning_rate"),
        ("--measures=cka.linera", "--measures: unknown measure .*cka.linear"),
        ("--measures=", "--measures is empty"),
        ("--measures=cka.linear,cka.linear", "--measures names cka.linear twice"),
        ("--measures=regression.linear", "--measures: regression.linear has no distance"),
        ("--spatial=average", "--spatial=average must be one of flatten"),
        ("--family=control: @0 loss=hinge", "--family=control is given twice"),
        ("--family=y: @99 loss=hinge", "--family=y: the swap @99 loss=hinge is never reached"),
        ("--family=y: @3 labels=random(1.0)", "--family=y: .*labels can change once and at the"),
        ("--family=y: @0 labels=random(2)", "--family=y: .*p from 0 to 1"),
        ("--family=y: @0 actvation=relu", "--family=y: .*did you mean 'activation'"),
    ],
)
def test_wrong_flags_are_refused_in_one_line_that_names_the_flag(argument, message):
    with pytest.raises(ValueError, match=message) as refusal:
        settings(argument)
    assert "\n" not in str(refusal.value)


def test_help_lists_every_flag_under_its_stage_with_its_range():
    values = flags.FlagValues()
    define_flags(values, Experiment, Running)
    text = "\n".join(values.module_help(stage) for stage in STAGES)
    for stage in STAGES:
        assert f"\n{stage}:" in text
    for name in values:
        assert f"--{name}:" in text or f"--[no]{name}:" in text
    text = " ".join(text.split())
    assert "(from 1 to 1000000)" in text
    assert "(one of flatten, global_average," in text


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings().epochs = 3


def test_snapshots_are_epochs_or_every_kth_and_off_by_default():
    assert settings().snapshot_epochs == ()
    some = settings("--epochs=6", "--snapshots=every:2")
    assert some == settings("--epochs=6", "--snapshots=0,2,4")
    assert some.snapshots == "0,2,4,5"
    assert some.snapshot_epochs == (0, 2, 4, 5)
    with pytest.raises(ValueError, match=r"^--snapshots: epoch 9 is never reached"):
        settings("--epochs=6", "--snapshots=9")
    with pytest.raises(ValueError, match=r"^--snapshots: 'all' is neither"):
        settings("--snapshots=all")


def test_the_probe_set_is_part_of_training_only_for_snapshots():
    assert "probe_samples" not in settings().shared_values()
    assert settings("--snapshots=1").shared_values()["probe_samples"] is None
    assert {"members", "control", "alpha", "measures"}.isdisjoint(settings().shared_values())


def test_a_setting_is_one_line(tmp_path):
    """Adds one to a copy of the package: flag, check, JSON, components and report follow."""
    shutil.copytree(ROOT / "akp_keras", tmp_path / "akp_keras")
    groups = tmp_path / "akp_keras" / "settings" / "groups.py"
    line = '    epochs: int = setting(8, "Epochs per member.", least=1, most=10**6)\n'
    text = groups.read_text()
    assert text.count(line) == 1
    added = '    foo: int = setting(3, "A new setting.", least=1)\n'
    groups.write_text(text.replace(line, line + added))
    done = subprocess.run(
        [sys.executable, "-c", USE_OF_THE_NEW_SETTING],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr


USE_OF_THE_NEW_SETTING = """
import importlib.util, json
from absl import flags
from akp_keras.settings import Experiment
from akp_keras.settings.flags import define_flags, group_from_flags

families = ["--family=control: @0 activation=relu", "--family=x: @1 activation=tanh"]
values = flags.FlagValues()
define_flags(values, Experiment)
values(["test", *families, "--foo=7"])
experiment = group_from_flags(Experiment, values)
assert experiment.foo == 7 and experiment.values()["foo"] == 7 and experiment.texts()["foo"] == "7"
assert "A new setting. (at least 1)" in values.module_help("training")
values["foo"].value = 0
try:
    group_from_flags(Experiment, values)
except ValueError as error:
    assert str(error) == "--foo=0 must be at least 1"
else:
    raise AssertionError("0 is taken")
# Members trained with another value could not be compared.
assert experiment.shared_values()["foo"] == 7
from akp_keras.steps.family_trainer import FAMILY_TRAINER
assert FAMILY_TRAINER.of_experiment(experiment).foo == 7
if importlib.util.find_spec("tfx"):
    from akp_keras.tfx import FamilyTrainer
    trainer = FamilyTrainer(family=experiment.families[0], foo=7, code_version="1")
    assert trainer.exec_properties["foo"] == 7
if importlib.util.find_spec("kfp"):
    from akp_keras.kubeflow import family_trainer
    assert family_trainer.component_spec.inputs["foo"].default == 3
"""
