"""Many families of one member: by kind of stress rather than by forty colours."""

import dataclasses
import json

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.experiment import MOST_RUNS

KINDS = {
    f"random{number:03d}": "activation=tanh" if number % 3 else "loss=hinge" for number in range(45)
}
START = "@0 activation=relu loss=binary_crossentropy"


@pytest.fixture(scope="module")
def many(tmp_path_factory, make_whole_arguments):
    """The control and 45 families of one random schedule, one network each."""
    arguments = make_whole_arguments(
        3, families=("control", *KINDS), seeds=range(1), measures=("cka.linear",)
    )
    schedules = {
        family: f"{START}; @{1 + number % 4} {stress}"
        for number, (family, stress) in enumerate(KINDS.items())
    }
    arguments["members"] = [
        dataclasses.replace(member, schedule=schedules.get(member.family, START))
        for member in arguments["members"]
    ]
    arguments["dispersion"] = {layer: {} for layer in arguments["dispersion"]}
    arguments["representations"] = {
        f"{family}/0": arguments["representations"][f"{family}/1"]
        for family in ("control", "random000")
    }
    logdir = tmp_path_factory.mktemp("many") / "tensorboard"
    write_experiment(logdir, **arguments)
    return logdir


def test_runs_are_those_of_members_not_of_families(many, pages_of):
    runs = pages_of(many).runs()
    assert len(list(many.rglob("events.out.tfevents.*"))) == MOST_RUNS
    assert {"00_models", "02_training", "members/control/m0", "members/random000/m0"} <= set(runs)
    assert not [run for run in runs if run.startswith("families/random")]


@pytest.mark.parametrize("run", ["00_models", "02_training"])
def test_the_projector_colours_by_kind_of_stress(many, pages_of, run):
    pages = pages_of(many)
    columns = pages.metadata(run, "dense/cka.linear")
    assert set(columns["legend"]) == {"control", "30 × activation", "15 × loss", ""}
    for family, legend in zip(columns["family"], columns["legend"], strict=True):
        if family in KINDS:
            assert legend.endswith(KINDS[family].partition("=")[0])
    titles = [bookmark["label"] for bookmark in pages.bookmarks(run, "dense/cka.linear")]
    assert titles[0] == "Colour by family or kind of stress, in space"
    assert "Colour by family, in space" not in titles


def test_the_page_has_a_legend_by_kind(many):
    (path,) = (many / "00_models").glob("events.out.tfevents.*")
    (members,) = (
        json.loads(tensor_util.make_ndarray(value.tensor).item())
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == "members"
    )
    legends = {member["family"]: member["legend"] for member in members}
    assert legends["control"] == "control"
    assert legends["random000"] == "15 × loss"
    assert len(set(legends.values())) == 3
