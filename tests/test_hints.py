import pytest

from akp_keras.hints import hint


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("reluu", ["tanh", "relu"], "did you mean 'relu'?"),
        ("x", ["tanh", "relu", "tanh"], "known are tanh, relu"),
        ("x", ["one", "two", "three", "four"], "known are one, two and 2 more"),
        ("x", [], "known are none"),
    ],
)
def test_a_close_name_or_the_known_ones(name, known, expected):
    assert hint(name, known, most=2) == expected
