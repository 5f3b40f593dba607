"""What the executor does around the models: asking them is another's test, and is replaced."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tfx", reason="the extra 'tfx' is missing")

from tfx.types.artifact import Artifact

from akp_keras import similarity
from akp_keras.comparison import read_matrix, representations
from components import artifacts
from components.similarity_evaluator.executor import Executor

PARAMETERS = {
    "measures": "cka.linear,procrustes.angular",
    "families": "",
    "signature": "representations",
    "trust": "",
    "layers": "",
    "against": "",
    "against_signature": "",
    "against_layers": "",
    "reference": "",
    "spatial": "flatten",
    "null": 0,
    "interval": 0.0,
    "seed": 0,
    "memory_gb": 4.0,
    "code_version": "1",
    "saved_models": None,
    "probe_file": None,
}


class ExportedModel(Artifact):
    """As a team has it that never heard of akp_keras."""

    TYPE_NAME = "ExportedModel"


def answers(path, inputs, *, layers=None, signature, trust):
    """In place of a model: its folder holds the weights of one linear layer."""
    assert signature == "representations"
    kernel = np.load(Path(path) / "kernel.npy")
    (samples,) = inputs.values()
    for start in range(0, len(samples), 8):
        yield {"dense": samples[start : start + 8] @ kernel}


@pytest.fixture(autouse=True)
def _models_are_linear(_in_this_process, monkeypatch):
    monkeypatch.setattr(representations, "iterate_representations", answers)


def artifact(kind, uri):
    made = kind()
    made.uri = str(uri)
    Path(uri).mkdir(parents=True, exist_ok=True)
    return made


def model(kind, uri, below, weights, **description):
    made = artifact(kind, uri)
    folder = Path(uri) / below
    (folder / "assets.extra").mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    np.save(folder / "kernel.npy", np.random.default_rng(weights).normal(size=(5, 4)))
    if description:
        (folder / "assets.extra" / "akp.json").write_text(
            json.dumps({"format_version": 1, **description})
        )
    return made


@pytest.fixture
def probe(tmp_path):
    made = artifact(artifacts.ProbeSet, tmp_path / "ProbeSet" / "probe" / "1")
    np.savez(Path(made.uri) / "probe.npz", images=np.random.default_rng(0).normal(size=(20, 5)))
    return made


@pytest.fixture
def outputs(tmp_path):
    return {
        "table": [artifact(artifacts.SimilarityTable, tmp_path / "table" / "9")],
        "matrices": [artifact(artifacts.SimilarityMatrices, tmp_path / "matrices" / "9")],
    }


def members(tmp_path):
    return [
        model(
            artifacts.TrainedMember,
            tmp_path / "members" / str(index),
            "saved_model",
            index,
            family=family,
            seed=seed,
        )
        for index, (family, seed) in enumerate([("tanh", 0), ("control", 10), ("control", 9)])
    ]


def test_members_are_compared_in_the_order_of_families(tmp_path, probe, outputs):
    Executor().Do(
        {"models": members(tmp_path), "probe": [probe]},
        outputs,
        {**PARAMETERS, "families": "control,tanh"},
    )
    (table,), (matrices,) = outputs.values()
    files = sorted(Path(matrices.uri).rglob("*"))
    assert [str(path.relative_to(matrices.uri)) for path in files] == [
        "dense",
        "dense/cka.linear.npz",
        "dense/procrustes.angular.npz",
    ]
    matrix = read_matrix(files[1])
    assert matrix.members == ("control/9", "control/10", "tanh/0")
    samples = np.load(Path(probe.uri) / "probe.npz")["images"]
    first, second = (
        samples @ np.load(tmp_path / "members" / index / "saved_model" / "kernel.npy")
        for index in ("2", "1")
    )
    expected = similarity.compare(first, second, "cka.linear")
    assert matrix.values[0, 1] == pytest.approx(expected, abs=1e-12)
    assert {path.name for path in Path(table.uri).iterdir()} == {
        "similarity.csv",
        "similarity.parquet",
        "summary.json",
    }
    assert matrices.measures == "cka.linear,procrustes.angular"
    assert matrices.members == 3
    assert matrices.layers == "dense"


def test_models_of_another_team_are_found_in_their_artifacts(tmp_path, probe, outputs):
    models = [
        model(ExportedModel, tmp_path / "Trainer" / "model" / "1", "Format-Serving", 1),
        model(ExportedModel, tmp_path / "Trainer" / "model" / "2", "Format-Serving", 2),
    ]
    Executor().Do({"models": models, "probe": [probe]}, outputs, PARAMETERS)
    matrix = read_matrix(Path(outputs["matrices"][0].uri) / "dense" / "cka.linear.npz")
    assert matrix.members == ("1", "2")


def test_folders_and_a_file_in_place_of_artifacts(tmp_path, probe, outputs):
    members(tmp_path)
    Executor().Do(
        {},
        outputs,
        {
            **PARAMETERS,
            "saved_models": json.dumps([str(tmp_path / "members")]),
            "probe_file": str(Path(probe.uri) / "probe.npz"),
        },
    )
    assert outputs["matrices"][0].members == 3


def test_what_does_not_fit_fails_and_writes_nothing(tmp_path, probe, outputs):
    with pytest.raises(ValueError, match="--saved_models is missing"):
        Executor().Do({"probe": [probe]}, outputs, PARAMETERS)
    with pytest.raises(ValueError, match=r"at least two SavedModels"):
        Executor().Do({"models": members(tmp_path)[:1], "probe": [probe]}, outputs, PARAMETERS)
    for (output,) in outputs.values():
        assert list(Path(output.uri).iterdir()) == []
        assert [path.name for path in Path(output.uri).parent.iterdir()] == ["9"]
