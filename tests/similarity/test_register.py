"""Measures from outside, measure objects and patterns wherever measures are named."""

import numpy as np
import pytest

from akp_keras import similarity
from akp_keras.similarity import Measure, Template
from akp_keras.similarity.identifiers import Parameter

RNG = np.random.default_rng(0)
SOME = {name: RNG.normal(size=(20, 3)) for name in "abc"}


@pytest.fixture(autouse=True)
def forgotten():
    yield
    for id in similarity.list_measures():
        if id.startswith("registered."):
            similarity.unregister(id.partition("[")[0])


def mean_correlation(x, y):
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(x.T, y.T, strict=True)]))


def correlation(id="mine.correlation", **declared):
    options = {"larger_is_more_similar": True, "range": (-1.0, 1.0), **declared}
    return Measure.from_function(id, mean_correlation, **options)


def expected():
    return [[mean_correlation(x, y) for y in SOME.values()] for x in SOME.values()]


def test_a_function_is_a_measure():
    measure = correlation(self_value=1.0)
    results = similarity.pairwise(SOME, ["cka.linear", measure], null=9, interval=0.9)
    assert list(results) == ["cka.linear", "mine.correlation"]
    result = results[measure]
    assert result is results["mine.correlation"]
    np.testing.assert_allclose(result.values, expected())
    assert result.null.pvalues[0, 0] == pytest.approx(0.1)
    assert similarity.compare(SOME["a"], SOME["b"], measure) == pytest.approx(expected()[0][1])
    assert similarity.measure(measure).self_value == 1.0


def test_what_is_registered_has_an_identifier():
    similarity.register(correlation("registered.correlation"))
    assert "registered.correlation" in similarity.list_measures()
    assert similarity.list_measures("registered.*") == ["registered.correlation"]
    results = similarity.pairwise(SOME, ["registered.*"])
    np.testing.assert_allclose(results["registered.correlation"].values, expected())
    with pytest.raises(ValueError, match=r"did you mean 'registered\.correlation'"):
        similarity.measure("registered.corelation")
    # A notebook's cell that is run again registers again.
    similarity.register(correlation("registered.correlation", symmetric=False))
    assert not similarity.measure("registered.correlation").symmetric
    similarity.unregister("registered.correlation")
    for call in (similarity.measure, similarity.unregister):
        with pytest.raises(ValueError, match=r"'registered\.correlation'"):
            call("registered.correlation")


def test_a_template_takes_parameters():
    def build(power):
        def function(x, y):
            return mean_correlation(x, y) ** power

        return Measure.from_function("", function, larger_is_more_similar=True)

    similarity.register(Template("registered.power", build, (Parameter("power", 2, minimum=1),)))
    assert similarity.measure("registered.power").id == "registered.power[power=2]"
    value = similarity.compare(SOME["a"], SOME["b"], "registered.power[power=3]")
    assert value == pytest.approx(expected()[0][1] ** 3)


def test_patterns_name_measures():
    results = similarity.pairwise(SOME, ["cka.linear*", "procrustes.angular"])
    assert list(results) == [
        "cka.linear",
        "cka.linear.debiased",
        "cka.linear.minibatch[batch=64]",
        "cka.linear.negative_log",
        "procrustes.angular",
    ]
    with pytest.raises(ValueError, match=r"no measure matches 'ckaa\.\*'"):
        similarity.pairwise(SOME, ["ckaa.*"])


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (correlation("cka.linear"), "'cka.linear' is one of this library"),
        (correlation("Mine"), "'Mine' is not of the form"),
        (correlation("mine[k=1]"), "a name has no parameters in brackets"),
        (correlation(""), "is not of the form"),
        ("cka.linear", "a Measure or a Template is registered, not 'cka.linear'"),
    ],
)
def test_what_cannot_be_registered_says_why(measure, message):
    with pytest.raises(ValueError, match=message):
        similarity.register(measure)


def test_a_measure_without_an_id_or_outside_a_list_is_refused():
    with pytest.raises(ValueError, match="has no id in its declaration"):
        similarity.pairwise(SOME, [correlation("", title="nameless")])
    with pytest.raises(ValueError, match="a list of measures is needed"):
        similarity.pairwise(SOME, correlation())
    with pytest.raises(ValueError, match=r"'a' and 'b' is not a number: the function returned NaN"):
        nothing = Measure.from_function(
            "nothing", lambda x, y: float("nan"), larger_is_more_similar=True
        )
        similarity.pairwise({k: SOME[k] for k in "ab"}, [nothing], columns=None, reference="b")
