from types import SimpleNamespace

import pytest

from akp_keras.steps import live_view
from akp_keras.steps.live_view import LiveView


@pytest.fixture
def view(tmp_path, monkeypatch):
    """A view of an experiment with snapshots, whose clock stands still unless it is moved."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(live_view.time, "monotonic", lambda: clock.now)
    settings = SimpleNamespace(snapshots="0,7")
    directory = SimpleNamespace(tensorboard=tmp_path / "tensorboard")
    made = LiveView(settings, directory)
    made.clock, made.updates = clock, []

    def update():
        made.updates.append(list(made._waiting))
        made._waiting = []

    monkeypatch.setattr(made, "_update", update)
    return made


def test_it_is_written_at_most_every_few_seconds_and_at_the_end(view):
    for name in ("a/0", "b/0", "a/1"):
        view.member_ended(name)
    assert view.updates == [["a/0"]]
    view.clock.now += 6
    view.member_ended("b/1")
    assert view.updates[1:] == [["b/0", "a/1", "b/1"]]
    view.member_ended("a/2")
    view.end()
    assert view.updates[2:] == [["a/2"]]
    view.end()
    assert len(view.updates) == 3


def test_it_takes_a_tenth_of_the_time_at_most(view, monkeypatch):
    def slow():
        view.updates.append(view.clock.now)
        view.clock.now += 30

    monkeypatch.setattr(view, "_update", slow)
    view.member_ended("a/0")
    view.clock.now += 299
    view.member_ended("b/0")
    assert len(view.updates) == 1
    view.clock.now += 2
    view.member_ended("a/1")
    assert len(view.updates) == 2


def test_a_failure_is_said_once_and_stops_nothing(view, monkeypatch, capsys):
    def fail():
        raise RuntimeError("no space left")

    monkeypatch.setattr(view, "_update", fail)
    for name in ("a/0", "b/0"):
        view.member_ended(name)
        view.clock.now += 60
    view.end()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "live view stops (RuntimeError: no space left); training goes on" in lines[0]


def test_without_snapshots_there_is_none(tmp_path, capsys):
    settings = SimpleNamespace(snapshots="")
    directory = SimpleNamespace(tensorboard=tmp_path / "tensorboard")
    off = LiveView(settings, directory)
    off.begin(["a/0"])
    off.member_ended("a/1")
    off.end()
    assert not directory.tensorboard.exists()
    assert capsys.readouterr().err == ""
