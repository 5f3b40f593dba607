"""The scores of the grounding benchmark."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def grounding():
    path = Path(__file__).parents[2] / "benchmarks" / "grounding.py"
    spec = importlib.util.spec_from_file_location("grounding_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def symmetric(size, seed):
    values = np.random.default_rng(seed).random((size, size))
    return values + values.T


def test_separated_groups_have_full_scores(grounding):
    groups = np.repeat([0, 1, 2], 5)
    apart = symmetric(15, 0) + 10.0 * (groups[:, None] != groups[None, :])
    assert grounding.group_scores(apart, groups) == pytest.approx((1.0, 0.0))
    assert grounding.group_scores(-apart, groups)[1] == 1.0


@pytest.mark.parametrize(("count", "chance"), [(3, 0.217), (4, 0.161)])
def test_chance_is_where_it_is_known_to_be(grounding, count, chance):
    groups = np.repeat(np.arange(count), 5)
    drawn = [symmetric(5 * count, seed) for seed in range(120)]
    scores = np.array([grounding.group_scores(apart, groups) for apart in drawn])
    precision, violations = scores.mean(axis=0)
    assert precision == pytest.approx(chance, abs=0.015)
    assert violations == pytest.approx(0.5, abs=0.03)


def test_layer_violations(grounding):
    layers = np.arange(5.0)
    ordered = np.abs(layers[:, None] - layers[None, :])
    assert grounding.layer_violations(ordered) == 0.0
    assert grounding.layer_violations(-ordered) == 1.0


def test_mantel_is_calibrated_and_agrees_with_scikit_bio(grounding):
    skbio = pytest.importorskip("skbio")
    a, b = symmetric(9, 1), symmetric(9, 2)
    np.fill_diagonal(a, 0)
    np.fill_diagonal(b, 0)
    correlation, pvalue = grounding.mantel(a, a + 0.3 * b, 199)
    expected = skbio.stats.distance.mantel(a, a + 0.3 * b, method="spearman", permutations=0)[0]
    assert correlation == pytest.approx(expected)
    assert pvalue == pytest.approx(0.005)
    small = [grounding.mantel(symmetric(8, s), symmetric(8, 500 + s), 19)[1] for s in range(100)]
    assert 0.0 <= np.mean(np.array(small) <= 0.05) <= 0.12


def test_measures_are_taken_together_and_what_is_not_defined_is_left_out(grounding):
    rng = np.random.default_rng(0)
    some = [rng.normal(size=(20, 4)) for _ in range(3)]
    ids = ["cka.linear", "procrustes.angular"]
    apart = grounding.dissimilarities(some, ids)
    assert list(apart) == ids
    assert apart["cka.linear"][0, 1] < 0.0 < apart["procrustes.angular"][0, 1]
    # One zero sample has no direction, and a cosine needs one.
    some[1][3] = 0.0
    assert list(grounding.dissimilarities(some, [*ids, "knn.jaccard"])) == ids


def test_networks_of_a_group_learn_the_same_and_those_of_others_do_not(grounding):
    trainer = grounding.Trainer(grounding.digits(50), epochs=1)
    wanted = grounding.recipes("digits", ["labels", "shortcut", "outputs"], seeds=2, epochs=1)
    for test in ("labels", "shortcut"):
        learnt = [[trainer.learnt(recipe) for recipe in group] for group in wanted[test]]
        for group in learnt:
            for first, second in zip(*group, strict=True):
                np.testing.assert_array_equal(first, second)
        which = 1 if test == "labels" else 0
        assert (learnt[0][0][which] != learnt[2][0][which]).any()
    y = trainer.learnt(wanted["labels"][2][0])[1]
    assert 0.05 < (y == trainer.data.train_y).mean() < 0.15
    network, again, other = (
        trainer(recipe) for recipe in (*wanted["outputs"][0][:1] * 2, wanted["outputs"][0][1])
    )
    np.testing.assert_array_equal(network.logits, again.logits)
    assert (network.logits != other.logits).any()


def test_the_tables_show_groups_that_are_planted(grounding):
    rng = np.random.default_rng(0)

    def networks(size, shared):
        return [
            grounding.Network(
                layers=[shared + 0.1 * rng.normal(size=shared.shape) for _ in range(3)],
                logits=rng.normal(size=(len(shared), 3)),
                fitted=1.0,
                accuracy=rng.random(),
            )
            for _ in range(size)
        ]

    grown = {
        test: [networks(3, rng.normal(size=(40, 6))) for _ in strengths]
        for test, (_, strengths) in grounding.GROUPS.items()
    }
    grown["layers"] = [networks(3, rng.normal(size=(40, 6))) for _ in range(2)]
    grown["outputs"] = [networks(5, rng.normal(size=(40, 6)))]
    ids = ["cka.linear", "magnitude", "knn.jaccard[k=50,cosine]"]
    header, _, cka, magnitude, undefined = grounding.measures_table(grown, ids, 19, deals=20)
    assert cka.startswith("| `cka.linear` | 1.00, 0.00 | 1.00, 0.00 | 1.00, 0.00 |")
    assert {line.count("|") for line in (header, cka, magnitude, undefined)} == {10}
    # Means of samples tell groups apart whatever the order of the samples.
    shuffled = [line.split("|")[8] for line in (cka, magnitude)]
    assert float(shuffled[0].split(",")[0]) < 0.5
    assert shuffled[1] == magnitude.split("|")[2]
    assert undefined.count("not defined") == 8
    assert len(list(grounding.learnt_table(grown))) == 2 + 10
    some = {"labels": grown["labels"]}
    assert next(grounding.measures_table(some, ids, 19, deals=1)).count("|") == 5
    assert len(list(grounding.learnt_table(some))) == 2 + 3
