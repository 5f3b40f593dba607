import numpy as np
import pytest

from akp_keras.comparison.trajectories import follow_members
from akp_keras.tensorboard.page_trajectories import page_trajectory
from akp_keras.tensorboard.swap_marks import steps_in_an_epoch, swap_marks


def a_swap(epoch, step, **changes):
    swap = {"epoch": epoch, "step": step, "what": "activation", "from": "relu", "to": "tanh"}
    return swap | {"layers": ["dense"]} | changes


def test_marks_lie_on_the_ends_of_epochs_counted_from_0(make_member):
    marks = swap_marks(make_member("late_sigmoid", 0), 30)
    # The start of epoch 2 is the end of epoch 1.
    assert [mark.epoch for mark in marks] == [1, pytest.approx(125 / 30 - 1)]
    assert [mark.when for mark in marks] == ["epoch 2, step 60", "epoch 4, step 125"]
    assert [mark.label for mark in marks] == [
        "activation relu → sigmoid",
        "loss binary_crossentropy → hinge",
    ]
    assert [mark.epoch for mark in swap_marks(make_member("late_sigmoid", 0))] == [1, 3]


def test_what_was_in_force_from_the_start_is_no_mark(make_member):
    assert swap_marks(make_member("control", 0), 30) == ()


def test_swaps_of_one_moment_share_a_mark(make_member):
    loss = a_swap(1, 30, what="loss", **{"from": "a", "to": "b", "layers": []})
    member = make_member("shock", 0, swaps=(a_swap(1, 30), loss))
    assert [(m.epoch, m.label) for m in swap_marks(member, 30)] == [
        (0.0, "activation relu → tanh, loss a → b")
    ]


def test_steps_of_an_epoch_are_positive(make_member):
    with pytest.raises(ValueError, match="positive, not 0"):
        swap_marks(make_member("control", 0), 0)


@pytest.mark.parametrize("steps", [7, 10, 48])
def test_one_swap_at_the_start_of_an_epoch_tells_its_steps(make_member, steps):
    start = a_swap(0, 0)
    pulse = make_member(
        "pulse",
        0,
        schedule=f"@0 activation=relu; @step:{2 * steps + 3} activation=tanh",
        swaps=(start, a_swap(2, 2 * steps + 3)),
    )
    late = make_member(
        "late", 0, schedule="@3 activation=tanh", swaps=(start, a_swap(3, 3 * steps))
    )
    assert steps_in_an_epoch([pulse, late]) == steps
    plateau = make_member(
        "plateau",
        0,
        schedule="@plateau(val_loss,patience=2) activation=tanh",
        swaps=(start, a_swap(5, 5 * steps)),
    )
    assert steps_in_an_epoch([pulse, plateau]) == steps


def test_swaps_at_steps_of_their_own_tell_bounds(make_member):
    def member(step):
        schedule = f"@0 activation=relu; @step:{step} activation=tanh"
        return make_member("pulse", step, schedule=schedule, swaps=(a_swap(step // 10, step),))

    # 8 to 15 steps an epoch have step 15 in epoch 1.
    alone = steps_in_an_epoch([member(15)])
    assert 8 < alone < 15
    assert swap_marks(member(15), alone)[0].epoch == pytest.approx(0.5, abs=0.1)
    assert steps_in_an_epoch([member(15), member(9), member(21)]) == pytest.approx(10, abs=0.6)
    # Step 19 in epoch 1 and step 20 in epoch 2 leave only 10.
    assert steps_in_an_epoch([member(19), member(20)]) == 10
    assert steps_in_an_epoch([make_member("control", 0)]) is None


def test_each_member_has_the_swaps_of_its_own(make_member):
    rng = np.random.default_rng(0)
    schedule = "@plateau(val_loss,patience=2) activation=tanh"
    members = [
        make_member("plateau", seed, schedule=schedule, swaps=(a_swap(e, 10 * e),) if e else ())
        for seed, e in enumerate((2, 5, 0))
    ]
    followed = follow_members(
        "dense", "cka.linear", (0, 3), {m.name: rng.normal(size=(2, 9, 4)) for m in members}
    )
    found = page_trajectory(followed, {member.name: member for member in members})
    assert found.epochs == (0, 3)
    assert {name: [mark.epoch for mark in marks] for name, marks in found.swaps.items()} == {
        "plateau/0": [1],
        "plateau/1": [4],
        "plateau/2": [],
    }
