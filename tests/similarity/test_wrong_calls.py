"""Wrong calls are named in one line."""

import numpy as np
import pytest

from akp_keras import similarity
from akp_keras.similarity import Representation

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 3))
NAMES = np.arange(40)


def refused(message, call):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"null": -5}, "null is -5; a whole number"),
        ({"null": 1.5}, r"null is 1\.5; a whole number"),
        ({"null": True}, "null is True; a whole number"),
        ({"seed": -1}, "seed is -1; a whole number"),
        ({"memory_gb": "4"}, "memory_gb is '4'; a positive number"),
        ({"memory_gb": float("nan")}, "memory_gb is nan; a positive number"),
        ({"ids": "cka.linear"}, r"ids is the string 'cka.linear'; a list .* \['cka.linear'\]"),
        ({"ids": [3]}, "not by 3"),
        ({"ids": [["cka.linear"]]}, "named by a string"),
        ({"representations": [X, Y]}, "representations are a list; a mapping"),
    ],
)
def test_arguments(options, message):
    call = {"representations": {"x": X, "y": Y}, "ids": ["cka.linear"], **options}
    refused(message, lambda: similarity.pairwise(**call))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([[1, 2], [3]], "'x' is ragged"),
        (np.ma.masked_array(X, mask=X > 1), "'x' has .* masked values"),
        (Representation(X, np.array([1, "a"] * 20, dtype=object)), "'x' has ids of kinds int, str"),
        (Representation(X, [None] * 40), "'x' has ids of kinds NoneType"),
    ],
)
def test_representations(source, message):
    refused(message, lambda: similarity.compare(source, Y, "cka.linear"))


def test_unmasked_arrays_and_object_ids_are_taken():
    value = similarity.compare(X, Y, "cka.linear")
    unmasked = np.ma.masked_array(X, mask=np.zeros(X.shape, bool))
    named = Representation(X, np.array([f"s{i}" for i in NAMES], dtype=object))
    same = Representation(Y, [f"s{i}" for i in NAMES])
    assert similarity.compare(unmasked, Y, "cka.linear") == value
    assert similarity.compare(named, same, "cka.linear") == value


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (NAMES % 3 + 7, "labels go from 7 to 9; 'x' has logits of the classes 0 to 2"),
        (NAMES % 3 - 1, "labels go from -1 to 1"),
        ((NAMES % 3).astype(str), "labels have dtype <U"),
        (np.full(40, np.nan), "labels have dtype float64; whole numbers"),
        (np.full(40, 0.5), "labels have dtype float64; whole numbers"),
    ],
)
def test_labels(labels, message):
    refused(message, lambda: similarity.compare(X, Y, "output.accuracy_difference", labels=labels))


def test_whole_floats_are_labels():
    labels = NAMES % 3
    id = "output.accuracy_difference"
    assert similarity.compare(X, Y, id, labels=labels.astype(float)) == similarity.compare(
        X, Y, id, labels=labels
    )


def test_what_was_not_computed_is_not_in_the_results():
    results = similarity.pairwise({"x": X, "y": Y}, ["knn.jaccard"])
    assert "knn.jaccard[k=10, cosine]" in results
    assert "cka.linear" not in results
    assert "nonsense" not in results and 3 not in results
    assert results.get("cka.lnear") is None
    with pytest.raises(KeyError, match=r"did you mean 'cka\.linear'"):
        results["cka.lnear"]


def test_streamed_batches():
    def stream(*batches):
        return similarity.pairwise_streaming(iter(batches), ["cka.linear"])

    refused("'x' has dtype complex128", lambda: stream({"x": X * 1j, "y": Y}))
    refused("'x' has .* masked values", lambda: stream({"x": np.ma.masked_less(X, 0), "y": Y}))
    refused("a batch is a list", lambda: stream([X, Y]))
