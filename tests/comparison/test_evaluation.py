"""The Python call; its command line is tested beside the component."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow.csv
import pytest

from akp_keras import similarity
from akp_keras.comparison import evaluate_similarity, matrix_path, read_matrix, representations
from akp_keras.comparison.representations import representation_path, take_representations

SAMPLES = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
MEASURES = ["cka.linear", "procrustes.angular"]


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Members of two families whose answers are made here, without TensorFlow."""

    def answers(path, inputs, *, layers=None, signature, trust=()):
        kernel = np.load(f"{path}/kernel.npy")
        (samples,) = inputs.values()
        for start in range(0, len(samples), 128):
            first = samples[start : start + 128] @ kernel
            outputs = {"second": np.tanh(first), "first": first}
            yield {layer: outputs[layer] for layer in layers or outputs}

    monkeypatch.setattr(representations, "iterate_representations", answers)
    monkeypatch.setattr(representations, "configure_tensorflow", lambda: None)
    for index, (family, seed) in enumerate([("control", 0), ("control", 1), ("tanh", 0)]):
        folder = tmp_path / "members" / family / str(seed) / "saved_model"
        (folder / "assets.extra").mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        np.save(folder / "kernel.npy", np.random.default_rng(index).normal(size=(5, 4)))
        (folder / "assets.extra" / "akp.json").write_text(
            json.dumps({"format_version": 1, "family": family, "seed": seed})
        )
    return tmp_path / "members"


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_its_matrices_are_the_bytes_that_the_experiment_writes(models, executor, tmp_path):
    summary = evaluate_similarity(models, SAMPLES, MEASURES, tmp_path / "out", executor=executor)
    names = ["control/0", "control/1", "tanh/0"]
    assert summary["members"] == names
    assert summary["layers"] == ["second", "first"]
    kernels = {name: np.load(models / name / "saved_model" / "kernel.npy") for name in names}
    first = {name: SAMPLES @ kernel for name, kernel in kernels.items()}
    expected = similarity.pairwise(first, MEASURES)
    for measure in MEASURES:
        matrix = read_matrix(matrix_path(tmp_path / "out" / "similarity", "first", measure))
        assert matrix.members == tuple(names)
        np.testing.assert_allclose(matrix.values, expected[measure].values, atol=1e-12)
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


def test_the_same_call_gives_the_same_bytes_and_says_no_time(models, executor, tmp_path):
    for name in ("one", "two"):
        evaluate_similarity(models, SAMPLES, MEASURES, tmp_path / name, executor=executor, null=9)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_intervals_are_in_the_table(models, executor, tmp_path):
    arguments = (models, SAMPLES, MEASURES, tmp_path / "out")
    evaluate_similarity(*arguments, executor=executor, interval=0.9)
    row = pyarrow.csv.read_csv(tmp_path / "out" / "similarity.csv").to_pylist()[0]
    x, y = (
        np.tanh(SAMPLES @ np.load(models / row[side] / "saved_model" / "kernel.npy"))
        for side in ("member_a", "member_b")
    )
    expected = similarity.compare(x, y, row["measure"], interval=0.9).interval
    assert (row["low"], row["high"]) == pytest.approx(expected, abs=1e-6)


def test_layers_are_compared_in_the_order_asked_for(models, executor, tmp_path):
    summary = evaluate_similarity(
        models, SAMPLES, MEASURES[:1], tmp_path / "out", executor=executor, layers=["first"]
    )
    assert summary["layers"] == ["first"]
    assert set(files(tmp_path / "out" / "similarity")) == {"first/cka.linear.npz"}


def test_a_dead_member_is_left_out_and_said_so(models, executor, tmp_path):
    np.save(models / "control" / "1" / "saved_model" / "kernel.npy", np.zeros((5, 4)))
    summary = evaluate_similarity(
        models, SAMPLES, MEASURES[:1], tmp_path / "out", executor=executor
    )
    for entry in summary["similarity"]:
        assert entry["excluded"] == {
            "control/1": "constant over the probe set: it tells no samples apart"
        }
        assert entry["all_pairs"]["pairs"] == entry["between_families"]["pairs"] == 1
        assert entry["within_families"] == {"pairs": 0, "mean_value": None, "mean_distance": None}


def test_what_is_on_disk_is_what_the_batches_were(models, executor, tmp_path):
    names = {"a/b": models / "control/0/saved_model", "a.b": models / "control/1/saved_model"}
    take_representations(names, SAMPLES, tmp_path / "taken", executor=executor)
    for name, path in names.items():
        taken = np.load(representation_path(tmp_path / "taken", name, "first"), allow_pickle=False)
        np.testing.assert_allclose(taken, SAMPLES @ np.load(path / "kernel.npy"), rtol=1e-12)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measures": "cka.linear"}, "measures: name at least one"),
        ({"measures": []}, "measures: name at least one"),
        ({"measures": ["uniformity"], "null": 3}, "measure uniformity has no null"),
        ({"measures": ["cca.mean"], "interval": 0.9}, "measure 'cca.mean' has no interval"),
        ({"layers": []}, "layers: name at least one"),
        ({"memory_gb": float("inf")}, "memory_gb=inf must be positive and finite"),
        ({"probe": {"x": SAMPLES, "y": SAMPLES[:4]}}, "the probe set has different numbers"),
    ],
)
def test_arguments_that_make_no_sense(models, executor, tmp_path, changed, message):
    arguments = {"probe": SAMPLES, "measures": MEASURES, **changed}
    with pytest.raises(ValueError, match=message):
        evaluate_similarity(models, output=tmp_path / "out", executor=executor, **arguments)
    assert not (tmp_path / "out").exists()
