import pytest

from akp_keras.hotswap import Schedule
from akp_keras.stress import kinds_of

CONTROL = "@0 activation=relu loss=binary_crossentropy"


@pytest.mark.parametrize(
    ("stress", "kinds"),
    [
        ("", ()),
        ("; @6 activation=tanh", ("activation",)),
        ("; @2 loss=hinge; @4 loss=binary_crossentropy", ("loss",)),
        ("; @1 activation=tanh loss=hinge", ("activation", "loss")),
        (" labels=random(1.0)", ("labels",)),
        ("; @step:9 weights=noise(0.1); @5 activation[block2]=elu", ("weights", "activation")),
    ],
)
def test_a_kind_is_what_a_schedule_changes_beyond_the_control(stress, kinds):
    assert kinds_of(Schedule.parse(CONTROL + stress), Schedule.parse(CONTROL)) == kinds


def test_another_start_than_the_control_is_stress():
    other = Schedule.parse("@0 activation=tanh loss=binary_crossentropy")
    assert kinds_of(other, Schedule.parse(CONTROL)) == ("activation",)
