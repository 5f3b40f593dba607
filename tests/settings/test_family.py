import pytest

from akp_keras.settings import Experiment, Family
from akp_keras.settings.family import canonical_families


def test_a_family_is_a_name_and_a_schedule():
    family = Family.parse("late_tanh:  @0 activation=relu;  @6 activation[block.*]=tanh")
    assert family.name == "late_tanh"
    assert Family.parse(str(family)) == family
    assert str(family.schedule) == "@0 activation=relu; @6 activation[block.*]=tanh"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@0 activation=relu", "has no name"),
        ("a/b: @0 activation=relu", "name 'a/b' must have at most 64 letters"),
        ("x: activation=relu", "--family=x: .*begin with a time"),
        ("x: @4 activation=relu; @2 activation=tanh", "--family=x: .*out of order"),
    ],
)
def test_what_is_not_a_family_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        Family.parse(text)


def test_names_are_unique_and_there_is_something_to_compare():
    with pytest.raises(ValueError, match="--family=a is given twice"):
        canonical_families(["a: @0 loss=hinge", "a: @1 loss=hinge"])
    with pytest.raises(ValueError, match="--family names 1 of at least two"):
        Experiment(families=["a: @0 loss=hinge"])
