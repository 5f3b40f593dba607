"""The log directory while families train, read as TensorBoard's Python reader reads it."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.util import tensor_util

from akp_keras.comparison.trajectories import follow_members
from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.live import LiveDirectory
from akp_keras.tensorboard.models_map import ANCHORS
from akp_keras.tensorboard.whole_folders import is_experiment

EPOCHS = (0, 2, 4)
FAMILIES = ("control", "late_sigmoid", "memoriser")


def scalars(multiplexer, run, tag):
    events = multiplexer.Tensors(run, tag)
    return [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in events]


def runs_of(multiplexer, logdir):
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    return set(multiplexer.Runs())


@pytest.fixture
def state(make_member):
    """The members of the first seeds, followed through training."""

    def make(seeds):
        members = [make_member(family, seed) for family in FAMILIES for seed in range(seeds)]
        snapshots = {
            member.name: np.random.default_rng([member.seed, len(member.family)]).normal(
                size=(len(EPOCHS), 30, 5)
            )
            for member in members
        }
        return members, [follow_members("dense", "cka.linear", EPOCHS, snapshots)]

    return make


def test_each_update_takes_the_place_of_the_one_before(tmp_path, state, arguments, pages_of):
    logdir, multiplexer = tmp_path / "logs", EventMultiplexer()
    live = LiveDirectory(logdir, FAMILIES, arguments["probe"], "control")
    assert not is_experiment(logdir)

    for number, seeds in enumerate((2, 4), start=1):
        members, followed = state(seeds)
        live.update(members, followed)
        runs = runs_of(multiplexer, logdir)
        assert f"live_{number:04d}" in runs
        assert {f"families/{family}" for family in FAMILIES} <= runs
        assert len([run for run in runs if run.startswith("members/")]) == len(members)
        for family in FAMILIES:
            found = scalars(multiplexer, f"families/{family}", "dispersion/dense")
            expected = followed[0].dispersion[family]
            assert found == [
                (epoch, pytest.approx(value, rel=1e-6))
                for epoch, value in zip(EPOCHS, expected, strict=True)
            ]
        (newest,) = [run for run in pages_of(logdir).runs() if run.startswith("live_")]
        assert newest == f"live_{number:04d}"
        points = pages_of(logdir).tensor(newest, "dense/cka.linear")
        assert len(points) == len(members) * len(EPOCHS) + ANCHORS
        about = multiplexer.Tensors("00_models", "about")[-1]
        assert about.step == number
        assert f"{len(members)} so far" in about.tensor_proto.string_val[0].decode()


def test_the_whole_experiment_takes_its_place_under_the_eyes_of_a_reader(
    tmp_path, state, over_time
):
    logdir, multiplexer = tmp_path / "logs", EventMultiplexer()
    arguments = over_time.arguments
    live = LiveDirectory(logdir, FAMILIES, arguments["probe"])
    for seeds in (2, 4):
        live.update(*state(seeds))
        runs_of(multiplexer, logdir)
    write_experiment(logdir, **arguments)
    assert is_experiment(logdir)
    assert not list(logdir.glob("live_*")) and not list(logdir.rglob("*.live.akp"))
    runs_of(multiplexer, logdir)
    found = scalars(multiplexer, "families/memoriser", "dispersion/dense")
    expected = arguments["trajectories"][1].dispersion["memoriser"]
    assert found == [(e, pytest.approx(v, rel=1e-6)) for e, v in zip(EPOCHS, expected, strict=True)]
    verdict = multiplexer.Tensors("00_models", "dispersion")[-1].tensor_proto.string_val[0]
    assert b'"verdict":null' not in verdict
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_live_folder_of_an_earlier_run_is_begun_anew(tmp_path, state, arguments):
    logdir = tmp_path / "logs"
    LiveDirectory(logdir, FAMILIES, arguments["probe"]).update(*state(3))
    LiveDirectory(logdir, FAMILIES, arguments["probe"])
    assert not any(path.is_dir() for path in logdir.iterdir())


def test_a_folder_of_somebody_else_stays(tmp_path, arguments):
    (tmp_path / "thesis.txt").write_text("…")
    with pytest.raises(ValueError, match="did not write"):
        LiveDirectory(tmp_path, FAMILIES, arguments["probe"])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
