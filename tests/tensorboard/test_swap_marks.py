import pytest

from akp_keras.tensorboard.swap_marks import swap_marks


def test_marks_lie_after_the_epochs_that_were_completed(make_member):
    marks = swap_marks(make_member("late_sigmoid", 0), 30)
    assert [mark.epoch for mark in marks] == [2, pytest.approx(125 / 30)]
    assert [mark.label for mark in marks] == [
        "activation relu → sigmoid",
        "loss binary_crossentropy → hinge",
    ]
    assert [mark.epoch for mark in swap_marks(make_member("late_sigmoid", 0))] == [2, 4]


def test_what_was_in_force_from_the_start_is_no_mark(make_member):
    assert swap_marks(make_member("control", 0), 30) == ()


def test_swaps_of_one_moment_share_a_mark(make_member):
    swap = {"epoch": 1, "step": 30, "what": "activation", "from": "relu", "to": "tanh"}
    loss = {"epoch": 1, "step": 30, "what": "loss", "from": "a", "to": "b", "layers": []}
    member = make_member("shock", 0, swaps=(swap | {"layers": ["dense"]}, loss))
    assert [(m.epoch, m.label) for m in swap_marks(member, 30)] == [
        (1.0, "activation relu → tanh, loss a → b")
    ]


def test_steps_of_an_epoch_are_positive(make_member):
    with pytest.raises(ValueError, match="positive, not 0"):
        swap_marks(make_member("control", 0), 0)
