import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from akp_keras.data import read_probe
from akp_keras.executors import Workplace, share_workplace
from akp_keras.steps import probe_set
from akp_keras.steps.probe_set import PROBE_SET

PARAMETERS = {"dataset": "wisconsin_breast_cancer", "probe_samples": 8, "seed": 0}


@pytest.fixture
def made_by_hand(experiment, monkeypatch):
    """Replaces the loading of a data set; yields the settings that it was called with."""
    asked = []

    def load(settings):
        asked.append(settings)
        return read_probe(experiment / "probe" / "probe.npz"), "Made by hand."

    monkeypatch.setattr(probe_set, "load_and_draw", load)
    with ThreadPoolExecutor(1) as executor, share_workplace(Workplace(executor)):
        yield asked


def test_it_writes_what_the_room_below_draws(experiment, made_by_hand, tmp_path):
    facts = PROBE_SET(tmp_path / "out", **PARAMETERS, max_samples=9)
    (settings,) = made_by_hand
    assert (settings.dataset, settings.probe_samples, settings.max_samples) == (
        "wisconsin_breast_cancer",
        8,
        9,
    )
    assert (tmp_path / "out" / "probe.npz").read_bytes() == (
        experiment / "probe" / "probe.npz"
    ).read_bytes()
    assert json.loads((tmp_path / "out" / "data.json").read_text()) == {"data": "Made by hand."}
    assert facts == {"dataset": "wisconsin_breast_cancer", "samples": 8}


def test_the_executor_names_data_and_samples(made_by_hand, tmp_path):
    pytest.importorskip("tfx", reason="ml-pipelines-sdk is not installed")
    from components import artifacts
    from components.probe_set.executor import Executor

    probe = artifacts.ProbeSet()
    probe.uri = str(tmp_path / "probe")
    Executor().Do({}, {"probe": [probe]}, PARAMETERS | {"code_version": "1"})
    assert (probe.dataset, probe.samples) == ("wisconsin_breast_cancer", 8)
    assert (tmp_path / "probe" / "probe.npz").is_file()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--probe_samples=7", "--probe_samples=7 must be from 8"),
        ("--max_samples=0", "--max_samples=0 must be from 1"),
        ("--seed=-1", "--seed=-1 must be from 0"),
        ("--output=", "--output is missing"),
    ],
)
def test_wrong_input_ends_in_one_line_and_leaves_nothing(tmp_path, command, flag, message):
    code, _, err = command("probe_set", f"--output={tmp_path / 'out'}", flag)
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith(f"components.probe_set: {message}")
    assert list(tmp_path.iterdir()) == []
