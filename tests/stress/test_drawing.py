import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras.hotswap import Epoch, Schedule
from akp_keras.stress import StressDistribution, draw_schedules, kinds_of

CONTROL = Schedule.parse("@0 activation=relu loss=binary_crossentropy")
STRESS = StressDistribution.parse(
    "activation=relu|tanh|sigmoid|gelu; weight=2 loss=binary_crossentropy|hinge|poisson; "
    "activation=tanh|sigmoid|gelu loss=hinge|poisson; swaps=1..3 times=0.2..1"
)


def draw(count, stress=STRESS, epochs=10, seed=0):
    return draw_schedules(stress, CONTROL, count, epochs=epochs, seed=seed)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 30),
    more=st.integers(1, 20),
    epochs=st.integers(4, 12),
)
def test_a_schedule_does_not_depend_on_how_many_are_drawn(seed, count, more, epochs):
    few, many = (draw(number, epochs=epochs, seed=seed) for number in (count, count + more))
    assert many[:count] == few
    assert len(set(map(str, many))) == count + more


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), epochs=st.integers(5, 12))
def test_schedules_are_the_control_with_the_swaps_that_were_asked_for(seed, epochs):
    for schedule in draw(20, epochs=epochs, seed=seed):
        start, *swaps = schedule.swaps
        assert start == CONTROL.swaps[0]
        assert 1 <= len(swaps) <= 3
        assert all(0.2 * epochs <= swap.when.epoch < epochs for swap in swaps)
        for target in ("activation", "loss"):
            values = [change.name for _, change in schedule.changes(target)]
            assert all(before != after for before, after in itertools.pairwise(values))
        assert Schedule.parse(str(schedule)) == schedule


def test_other_seeds_give_other_schedules():
    assert not set(map(str, draw(20, seed=1))) & set(map(str, draw(3, seed=2)))


def test_kinds_times_and_numbers_of_swaps_fill_their_ranges_evenly():
    schedules = draw(40)
    kinds = Counter(kinds_of(schedule, CONTROL) for schedule in schedules)
    # Of four shares, two are those of the loss.
    assert kinds["loss",] == pytest.approx(20, abs=2)
    assert kinds["activation",] == pytest.approx(10, abs=2)
    assert kinds["activation", "loss"] == pytest.approx(10, abs=2)
    last = Counter(schedule.swaps[-1].when.epoch for schedule in schedules)
    assert set(last) == set(range(2, 10))
    assert np.ptp(list(last.values())) <= 4


def test_labels_are_stressed_from_the_start():
    stress = StressDistribution.parse("labels=random(0.2..1) activation=tanh; swaps=1")
    for schedule in draw(5, stress):
        ((when, change),) = schedule.changes("labels")
        assert when == Epoch(0)
        assert 0.2 <= change.call.arguments[0] <= 1
        assert set(kinds_of(schedule, CONTROL)) == {"labels", "activation"}


def test_a_distribution_with_too_few_schedules_is_refused():
    stress = StressDistribution.parse("loss=hinge; swaps=1")
    assert len(draw(9, stress)) == 9
    with pytest.raises(ValueError, match="too few different schedules: 9 were found"):
        draw(10, stress)
    unchanged = StressDistribution.parse("loss=binary_crossentropy; swaps=1")
    with pytest.raises(ValueError, match="too few different schedules: 0 were found"):
        draw(1, unchanged)


def test_a_control_with_swaps_is_refused():
    swapped = Schedule.parse("@0 activation=relu; @3 activation=tanh")
    with pytest.raises(ValueError, match="the control must change nothing after the start"):
        draw_schedules(STRESS, swapped, 2, epochs=8, seed=0)
