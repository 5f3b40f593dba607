import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from akp_keras.data import fingerprint, read_probe
from akp_keras.executors import Workplace, share_workplace
from akp_keras.steps import probe_set
from akp_keras.steps.probe_set import PROBE_SET, ProbeSetSettings, load_and_draw

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
    assert json.loads((tmp_path / "out" / "data.json").read_text()) == {
        "data": "Made by hand.",
        "fingerprint": None,
    }
    assert facts == {"dataset": "wisconsin_breast_cancer", "samples": 8}


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (None, r"--dataset=npz:.*at least 8 test samples, and npz:.* has 2 of '0'; take more data"),
        (200, "--probe_samples=200: .*take at most 8$"),
    ],
)
def test_a_probe_set_that_cannot_be_drawn_is_refused_by_the_name_of_its_flag(
    samples, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(probe_set, "configure_tensorflow", lambda: None)
    count = 20 if samples is None else 40
    labels = np.arange(count) % 2
    np.savez(tmp_path / "own.npz", inputs=np.ones((count, 2)), labels=labels)
    settings = ProbeSetSettings(dataset=f"npz:{tmp_path / 'own.npz'}", probe_samples=samples)
    with pytest.raises(ValueError, match=message):
        load_and_draw(settings)


def test_the_fingerprint_of_the_data_is_written(made_by_hand, tmp_path):
    np.savez(tmp_path / "own.npz", inputs=np.ones((9, 2)), labels=np.arange(9) % 2)
    PROBE_SET(tmp_path / "out", dataset=f"npz:{tmp_path / 'own.npz'}")
    written = json.loads((tmp_path / "out" / "data.json").read_text())["fingerprint"]
    assert written == fingerprint(f"npz:{tmp_path / 'own.npz'}")
    assert len(written) == 64


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
