"""Identifiers: spelling, parameters, patterns."""

import pytest

from akp_keras import similarity
from akp_keras.similarity.identifiers import Parameter, join, parse_parameters, split


def test_misspelt_measures_get_a_suggestion():
    with pytest.raises(ValueError, match=r"did you mean 'cka.linear'"):
        similarity.measure("cka.liner")
    with pytest.raises(ValueError, match=r"did you mean 'procrustes.angular'"):
        similarity.compare([[1.0], [2.0]], [[1.0], [2.0]], "procrustes.anguler")
    with pytest.raises(ValueError, match="is not of the form"):
        similarity.measure("cka.linear[k=1")
    with pytest.raises(ValueError, match="has no parameter 'k'; it has none"):
        similarity.measure("cka.linear[k=1]")
    with pytest.raises(ValueError, match=r"no measure matches 'ckaa.linear'"):
        similarity.list_measures("ckaa.linear")


def test_a_familys_name_suggests_its_first_member():
    with pytest.raises(ValueError, match=r"no measure matches 'cka'; did you mean 'cka.linear'\?"):
        similarity.list_measures("cka")
    with pytest.raises(ValueError, match=r"unknown measure 'rsa'; did you mean 'rsa\.[a-z_]+'\?"):
        similarity.measure("rsa")
    with pytest.raises(ValueError, match="a pattern is a string"):
        similarity.list_measures(3)


@pytest.mark.parametrize(
    "id",
    [
        "cca.svcca[variance=0.99999999]",
        "cca.regularised[ridge=0.12345678]",
        "cca.svcca[variance=1]",
    ],
)
def test_canonical_numbers_read_back_equal(id):
    assert similarity.measure(id).id == id
    number = float(id.rstrip("]").partition("=")[2])
    rounder = f"{id.partition('=')[0]}={number:.4g}]"
    assert (similarity.measure(rounder).id == id) == (float(f"{number:.4g}") == number)


def test_patterns():
    assert {"cka.linear", "cka.linear.debiased"} <= set(similarity.list_measures("cka.*"))
    assert similarity.list_measures("cka.linea?") == ["cka.linear"]
    every = similarity.list_measures()
    assert len(every) == len(set(every))
    for id in every:
        assert similarity.measure(id).id == id
        assert similarity.list_measures(id) == [id]


PARAMETERS = (
    Parameter("k", 10, minimum=1),
    Parameter("metric", "cosine", choices=("cosine", "euclidean")),
    Parameter("share", 0.99, minimum=0.0, maximum=1.0),
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("knn.x", "knn.x[k=10,cosine,share=0.99]"),
        ("knn.x[euclidean, k=3]", "knn.x[k=3,euclidean,share=0.99]"),
        ("knn.x[share=.5,metric=cosine]", "knn.x[k=10,cosine,share=0.5]"),
    ],
)
def test_parameters_have_one_canonical_form(written, canonical):
    name, text = split(written)
    values = parse_parameters(written, text, PARAMETERS)
    assert join(name, PARAMETERS, values) == canonical
    name, text = split(canonical)
    assert parse_parameters(canonical, text, PARAMETERS) == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k=0", "k is a whole number from 1"),
        ("k=2.5", "k is a whole number"),
        ("share=2", "share is a number from 0 to 1"),
        ("share=nan", "share is a number"),
        ("metric=cosin", "did you mean 'cosine'"),
        ("euclidian", "did you mean 'euclidean'"),
        ("K=1", "no parameter 'K'"),
        ("k=1,k=2", "names k twice"),
    ],
)
def test_wrong_parameters_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_parameters(f"knn.x[{text}]", text, PARAMETERS)
