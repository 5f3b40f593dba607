from types import SimpleNamespace

import pytest

from akp_keras.tensorboard.live_view import LiveView


@pytest.fixture
def view():
    """A view whose clock stands still unless it is moved; `shown` are the states that it showed."""
    clock, shown = SimpleNamespace(now=100.0), []
    made = LiveView(shown.append, clock=lambda: clock.now)
    return SimpleNamespace(
        clock=clock, shown=shown, begin=made.begin, member_ended=made.member_ended, end=made.end
    )


def test_it_is_written_at_most_every_few_seconds_and_at_the_end(view):
    for name in ("a/0", "b/0", "a/1"):
        view.member_ended(name)
    assert view.shown == [("a/0",)]
    view.clock.now += 6
    view.member_ended("b/1")
    assert view.shown[1:] == [("a/0", "b/0", "a/1", "b/1")]
    view.member_ended("a/2")
    view.end()
    assert view.shown[2:] == [("a/0", "b/0", "a/1", "b/1", "a/2")]
    view.end()
    assert len(view.shown) == 3


def test_members_of_an_earlier_run_are_shown_at_once(view):
    view.begin([])
    assert view.shown == []
    view.begin(["a/0", "b/0"])
    assert view.shown == [("a/0", "b/0")]


def test_it_takes_a_tenth_of_the_time_at_most():
    clock, shown = SimpleNamespace(now=100.0), []

    def slow(names):
        shown.append(clock.now)
        clock.now += 30

    view = LiveView(slow, clock=lambda: clock.now)
    view.member_ended("a/0")
    clock.now += 299
    view.member_ended("b/0")
    assert len(shown) == 1
    clock.now += 2
    view.member_ended("a/1")
    assert len(shown) == 2


def test_a_failure_is_said_once_and_stops_nothing(capsys):
    clock = SimpleNamespace(now=100.0)

    def fail(names):
        raise RuntimeError("no space left")

    view = LiveView(fail, clock=lambda: clock.now)
    for name in ("a/0", "b/0"):
        view.member_ended(name)
        clock.now += 60
    view.end()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "live view stops (RuntimeError: no space left); training goes on" in lines[0]
