"""Rows against columns, a reference, what is undefined, and results as frames and text."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from akp_keras import similarity

IDS = [
    "cka.linear",
    "cka.linear.debiased",
    "procrustes.angular",
    "cca.pwcca",
    "knn.mutual[k=3,cosine]",
]


@pytest.fixture(scope="module")
def models():
    """Layers of two networks, of other names and widths."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=(30, 4))

    def layers(widths):
        return {
            f"layer{i}": common @ rng.normal(size=(4, width)) + rng.normal(size=(30, width))
            for i, width in enumerate(widths)
        }

    return layers((5, 9, 9, 40)), layers((7, 40, 3))


@pytest.mark.parametrize("options", [{}, {"memory_gb": 1e-6}, {"threads": 1}])
def test_rows_with_columns_are_a_part_of_all_pairs(models, options):
    rows, columns = models
    results = similarity.pairwise(rows, IDS, columns=columns, null=3, **options)
    everything = {f"a {n}": v for n, v in rows.items()} | {f"b {n}": v for n, v in columns.items()}
    whole = similarity.pairwise(everything, IDS, null=3)
    for id in IDS:
        result = results[id]
        assert result.names == tuple(rows) and result.columns == tuple(columns)
        assert not result.is_square
        np.testing.assert_allclose(result.values, whole[id].values[:4, 4:], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(result.null.mean, whole[id].null.mean[:4, 4:], rtol=1e-9)
        np.testing.assert_array_equal(result.features, [5, 9, 9, 40])
        np.testing.assert_array_equal(result.column_features, [7, 40, 3])
        np.testing.assert_array_equal(result.column_ranks, [7, 29, 3])
        if result.declaration.distances:
            expected = whole[id].distance()[:4, 4:]
            np.testing.assert_allclose(result.distance(), expected, rtol=1e-9, atol=1e-12)


def test_no_more_pairs_are_computed_than_are_asked_for(models):
    rows, columns = models
    calls = []

    def count(x, y):
        calls.append((x.shape[1], y.shape[1]))
        return float(x.sum() + y.sum())

    counting = similarity.Measure.from_function("count", count, larger_is_more_similar=True)
    similarity.pairwise(rows, [counting], columns=columns)
    assert len(calls) == 4 * 3
    calls.clear()
    similarity.pairwise(rows, [counting], reference="layer3")
    assert sorted(calls) == [(5, 40), (9, 40), (9, 40), (40, 40)]
    calls.clear()
    similarity.pairwise(rows, [counting])
    assert len(calls) == 4 * 5 / 2
    calls.clear()
    similarity.compare(rows["layer0"], rows["layer1"], counting)
    assert calls == [(5, 9)]


def test_every_representation_is_loaded_once(models):
    rows, columns = models
    loaded = []

    def lazily(side):
        return {
            name: lambda values=values, name=name: loaded.append(name) or values
            for name, values in side.items()
        }

    similarity.pairwise(lazily(rows), IDS, columns=lazily(columns))
    assert loaded == [*rows, *columns]
    loaded.clear()
    similarity.pairwise(lazily(rows), IDS, reference="layer2")
    assert loaded == list(rows)


def test_a_reference_is_one_column_of_all_pairs(models):
    rows, _ = models
    whole = similarity.pairwise(rows, IDS)
    with ThreadPoolExecutor(2) as executor:
        results = similarity.pairwise(rows, IDS, reference="layer1", executor=executor)
    for id in IDS:
        assert results[id].columns == ("layer1",)
        assert results[id].values.shape == (4, 1)
        # An angle of zero is known to half of the digits.
        np.testing.assert_allclose(results[id].values[:, 0], whole[id].values[:, 1], atol=5e-8)


def test_samples_of_both_sides_are_held_against_each_other(models):
    rows, columns = models
    short = {name: values[:29] for name, values in columns.items()}
    with pytest.raises(ValueError, match=r"'layer0 \(column\)' has 29 samples, 'layer0' has 30"):
        similarity.pairwise(rows, IDS, columns=short)


# --- what is undefined -------------------------------------------------------------------------


def test_a_dead_layer_costs_a_row(models):
    rows, columns = models
    sick = {
        **rows,
        "dead": np.ones((30, 4)),
        "lost": np.full((30, 4), np.nan),
        "silent sample": np.where(np.arange(30)[:, None] == 3, 0.0, rows["layer0"]),
    }
    for options in ({}, {"columns": columns}, {"reference": "layer1"}):
        results = similarity.pairwise(sick, IDS, undefined="nan", **options)
        healthy = similarity.pairwise(rows, IDS, **options)
        for id in IDS:
            result = results[id]
            assert (
                result.undefined["dead"]
                == "every sample has the same values, so it has no variance"
            )
            assert result.undefined["lost"].startswith("holds NaN or infinite values in 30 samples")
            assert ("silent sample" in result.undefined) == id.startswith("knn")
            np.testing.assert_array_equal(np.isnan(result.values[4:6]), True)
            width = healthy[id].values.shape[1]
            np.testing.assert_allclose(
                result.values[:4, :width], healthy[id].values, rtol=1e-9, atol=1e-7
            )
            assert result.ranks[4:6].tolist() == [0, 0]
    with pytest.raises(ValueError, match="'dead' is degenerate"):
        similarity.pairwise(sick, IDS)


def test_a_dead_column_and_a_dead_reference(models):
    rows, columns = models
    results = similarity.pairwise(
        rows, ["cka.linear"], columns={**columns, "layer0": np.zeros((30, 2))}, undefined="nan"
    )["cka.linear"]
    assert results.undefined == {
        "layer0 (column)": "every sample has the same values, so it has no variance"
    }
    assert np.isnan(results.values[:, 0]).all() and np.isfinite(results.values[:, 1:]).all()
    dead = {**rows, "dead": np.zeros((30, 2))}
    result = similarity.pairwise(
        dead, ["cka.linear"], reference="dead", undefined="nan", null=2, interval=0.9
    )["cka.linear"]
    for table in (result.values, result.null.mean, result.interval.low, result.distance()):
        np.testing.assert_array_equal(table, np.full((5, 1), np.nan))


def test_a_pair_that_is_undefined_costs_itself():
    labels = np.array([0, 1, 0, 1, 0, 1])
    networks = {
        "a": np.eye(2)[[0, 1, 1, 1, 0, 0]],
        "b": np.eye(2)[[1, 1, 0, 1, 0, 1]],
        "c": np.eye(2)[[1, 1, 1, 1, 0, 1]],
    }
    id = "output.error_ratio"
    result = similarity.pairwise(networks, [id], labels=labels, undefined="nan")[id]
    assert np.isnan(result.values[0, 1]) and np.isfinite(result.values[0, 2])
    assert list(result.undefined) == ["a, b", "b, a"]
    assert "no sample is wrong in both" in result.undefined["a, b"]


# --- frames and text ---------------------------------------------------------------------------


def test_frames(models):
    pd = pytest.importorskip("pandas")
    rows, columns = models
    results = similarity.pairwise(rows, IDS, columns=columns, null=2)
    frame = results["cka.linear"].to_frame()
    pd.testing.assert_frame_equal(
        frame, pd.DataFrame(results["cka.linear"].values, list(rows), list(columns))
    )
    tidy = results.to_frame()
    assert len(tidy) == len(IDS) * 12
    row = tidy[(tidy.measure == "cka.linear") & (tidy.row == "layer2") & (tidy.column == "layer1")]
    assert row.value.item() == results["cka.linear"].values[2, 1]
    assert row.distance.item() == results["cka.linear"].distance()[2, 1]
    assert row.pvalue.item() == results["cka.linear"].null.pvalues[2, 1]
    square = similarity.pairwise(rows, ["cka.linear", "cca.pwcca"], interval=None).to_frame()
    # Each pair once, and in both orders where they differ.
    assert square.groupby("measure").size().to_dict() == {"cca.pwcca": 12, "cka.linear": 6}
    assert square[square.measure == "cca.pwcca"].distance.isna().all()


def test_a_result_says_what_is_in_it(models):
    rows, columns = models
    sick = {**rows, "dead": np.ones((30, 4))}
    results = similarity.pairwise(sick, ["cka.linear"], null=4, interval=0.9, undefined="nan")
    text = repr(results["cka.linear"])
    assert text.startswith("<cka.linear: 5 × 5 (layer0, layer1, layer2, …); n = 30; 0.")
    assert "off the diagonal; 1 undefined (dead); null of 4 permutations; 90 % intervals>" in text
    assert repr(results) == text
    other = similarity.pairwise(rows, ["cka.linear"], columns=columns)["cka.linear"]
    assert "4 × 3" in repr(other) and "diagonal" not in repr(other)
    assert pickle.loads(pickle.dumps(other)).names == other.names
