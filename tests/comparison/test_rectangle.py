"""Layers against layers of other models, and models against a reference, without TensorFlow."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from akp_keras import similarity
from akp_keras.comparison import evaluate_against, representations

SAMPLES = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
MEASURES = ["cka.linear.debiased", "procrustes.angular"]
# Residual networks have blocks of equal width, and the widths of the two differ.
WIDTHS = {"a": {f"block{i:02d}": 3 + i // 6 for i in range(24)}, "b": {"stem": 2, "head/out": 7}}


@pytest.fixture(autouse=True)
def _models_are_linear(monkeypatch):
    def answers(path, inputs, *, layers=None, signature, trust=()):
        kernels = np.load(f"{path}/{signature}.npz")
        (samples,) = inputs.values()
        for start in range(0, len(samples), 16):
            yield {
                layer: samples[start : start + 16] @ kernels[layer]
                for layer in layers or kernels.files
            }

    monkeypatch.setattr(representations, "iterate_representations", answers)
    monkeypatch.setattr(representations, "configure_tensorflow", lambda: None)


@pytest.fixture
def model(tmp_path):
    """Makes a model of linear layers: its folder and layer -> width."""

    def make(name, widths, *, signature="representations", draw=0, **description):
        folder = tmp_path / name
        (folder / "assets.extra").mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        rng = np.random.default_rng([draw, len(name)])
        kernels = {layer: rng.normal(size=(5, width)) for layer, width in widths.items()}
        np.savez(folder / f"{signature}.npz", **kernels)
        if description:
            (folder / "assets.extra" / "akp.json").write_text(
                json.dumps({"format_version": 1, "layers": list(widths), **description})
            )
        return folder

    return make


@pytest.fixture
def evaluate(tmp_path):
    def call(saved_models, measures=MEASURES, output="out", **options):
        with ThreadPoolExecutor(2) as executor:
            return evaluate_against(
                saved_models, SAMPLES, measures, tmp_path / output, executor=executor, **options
            )

    return call


@pytest.fixture
def counting():
    """A measure that keeps the widths of the pairs that it is called with."""
    calls = []

    def count(x, y):
        calls.append((x.shape[1], y.shape[1]))
        return float(x.sum() + y.sum())

    similarity.register(
        similarity.Measure.from_function("counting", count, larger_is_more_similar=True)
    )
    yield calls
    similarity.unregister("counting")


def answered(folder, layer, signature="representations"):
    return SAMPLES @ np.load(folder / f"{signature}.npz")[layer]


def test_every_layer_is_compared_with_every_layer_of_the_other_model(model, evaluate, tmp_path):
    a, b = model("x/a", WIDTHS["a"]), model("x/b", WIDTHS["b"], signature="features", draw=1)
    summary = evaluate(a, against=b, against_signature="features", null=9, interval=0.95)
    assert summary["layers"] == list(WIDTHS["a"])
    assert summary["against_layers"] == list(WIDTHS["b"])
    assert summary["pairs"] == 24 * 2
    table = pyarrow.parquet.read_table(tmp_path / "out/similarity.parquet").to_pylist()
    assert pyarrow.csv.read_csv(tmp_path / "out/similarity.csv").to_pylist() == table
    assert len(table) == len(MEASURES) * 24 * 2
    for row in table[::7]:
        assert (row["model_a"], row["model_b"]) == ("a", "b")
        pair = answered(a, row["layer_a"]), answered(b, row["layer_b"], "features")
        expected = similarity.compare(*pair, row["measure"], null=9, interval=0.95)
        assert row["value"] == pytest.approx(expected.value, abs=1e-12)
        assert row["null_pvalue"] == expected.pvalue
        assert (row["low"], row["high"]) == pytest.approx(expected.interval, abs=1e-9)
    with np.load(tmp_path / "out/similarity/procrustes.angular.npz") as matrix:
        assert matrix["rows"].tolist() == list(WIDTHS["a"])
        assert matrix["columns"].tolist() == list(WIDTHS["b"])
        np.testing.assert_array_equal(
            matrix["values"].ravel(), [row["value"] for row in table[48:]]
        )
        np.testing.assert_array_equal(matrix["distances"], matrix["values"])


def test_no_pair_is_computed_that_is_not_asked_for(model, evaluate, counting):
    a, b = model("a", WIDTHS["a"]), model("b", WIDTHS["a"], draw=1)
    assert evaluate(a, ["counting"], against=b)["pairs"] == len(counting) == 576
    counting.clear()
    layers = {"layers": ["block00", "block23"], "against_layers": ["block23"]}
    assert evaluate(a, ["counting"], "less", against=b, **layers)["pairs"] == 2
    assert sorted(counting) == [(3, 6), (6, 6)]


def test_a_series_is_compared_with_its_reference_layer_by_layer(
    model, evaluate, counting, tmp_path
):
    epochs = {str(epoch): model(f"run/{epoch}", WIDTHS["b"], draw=epoch) for epoch in (0, 10, 90)}
    drawn = []
    summary = evaluate(
        tmp_path / "run",
        ["counting", *MEASURES],
        reference="90",
        picture=lambda rectangle, path: drawn.append(rectangle),
    )
    assert len(counting) == summary["pairs"] == 3 * 2
    assert sorted(counting) == [(2, 2)] * 3 + [(7, 7)] * 3
    rectangle = drawn[1]
    assert rectangle.rows == ("0", "10", "90") and rectangle.columns == tuple(WIDTHS["b"])
    assert rectangle.column_title == "layers, against 90"
    for row, folder in enumerate(epochs.values()):
        for column, layer in enumerate(WIDTHS["b"]):
            expected = similarity.compare(
                answered(folder, layer), answered(epochs["90"], layer), MEASURES[0]
            )
            assert rectangle.values[row, column] == pytest.approx(expected, abs=1e-12)
    table = pyarrow.parquet.read_table(tmp_path / "out/similarity.parquet").to_pylist()
    assert {row["model_b"] for row in table} == {"90"}
    assert all(row["layer_a"] == row["layer_b"] for row in table)


def test_members_of_two_runs_may_have_the_same_name(model, evaluate):
    own = {"family": "control", "seed": 0}
    first, second = (model(f"{run}/x", WIDTHS["b"], draw=run, **own) for run in (1, 2))
    drawn = []
    evaluate(first, against=second, picture=lambda rectangle, path: drawn.append(rectangle))
    assert drawn[0].row_title == drawn[0].column_title == "layers of control/0"
    pair = answered(first, "head/out"), answered(second, "stem")
    assert drawn[0].values[1, 0] == pytest.approx(similarity.compare(*pair, MEASURES[0]))


def test_several_models_are_told_apart_by_the_labels(model, evaluate, tmp_path):
    for name in ("a/0", "a/1", "b/0"):
        model(name, WIDTHS["b"])
    drawn = []
    evaluate(
        tmp_path / "a",
        against=[tmp_path / "b"],
        picture=lambda rectangle, path: drawn.append(rectangle),
    )
    assert drawn[0].rows == tuple(f"{layer} of a/{i}" for i in (0, 1) for layer in WIDTHS["b"])
    assert drawn[0].columns == tuple(WIDTHS["b"]) and drawn[0].values.shape == (4, 2)


def test_the_same_call_gives_the_same_bytes(model, evaluate, tmp_path):
    a, b = model("a", WIDTHS["a"]), model("b", WIDTHS["b"])
    for output in ("one", "two"):
        evaluate(a, output=output, against=b, null=3)
    written = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "one", tmp_path / "two")
    ]
    assert len(written[0]) == 5 and written[0] == written[1]


def test_a_dead_layer_has_no_values_and_a_reason(model, evaluate, tmp_path):
    a, b = model("a", WIDTHS["b"]), model("b", WIDTHS["b"])
    np.savez(a / "representations.npz", stem=np.zeros((5, 2)), head=np.ones((5, 1)))
    summary = evaluate(a, against=b)
    for entry in summary["similarity"]:
        assert entry["excluded"] == {
            "stem of a": "every sample has the same values, so it has no variance"
        }
        assert np.isfinite(entry["mean_value"])
    table = pyarrow.parquet.read_table(tmp_path / "out/similarity.parquet").to_pylist()
    assert [row["value"] is None for row in table] == [True, True, False, False] * 2
    np.savez(a / "representations.npz", stem=np.zeros((5, 2)))
    with pytest.raises(ValueError, match=r"no pair has a value of cka.*; stem of a: every sample"):
        evaluate(a, output="none", against=b)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "out"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "pass against= or reference="),
        ({"against": "b", "reference": "a"}, "pass against= or reference="),
        ({"reference": "c"}, "reference=c is no SavedModel's name; known are a"),
        ({"against": "nowhere"}, "nowhere is not a SavedModel"),
        ({"against": "b", "against_layers": ["stem", "stem"]}, "layer stem is named twice"),
        ({"against": "b", "against_layers": []}, "layers: name at least one"),
        ({"against": "b", "interval": 2}, "interval is 2; the level of the interval is needed"),
        ({"against": "b", "interval": 0.9, "measures": ["cca.mean"]}, "'cca.mean' has no interval"),
    ],
)
def test_arguments_that_make_no_sense(model, evaluate, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    model("a", WIDTHS["b"]), model("b", WIDTHS["b"])
    with pytest.raises(ValueError, match=message) as error:
        evaluate("a", **options)
    assert "\n" not in str(error.value)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
