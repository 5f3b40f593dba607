import json
from pathlib import Path

import pytest

pytest.importorskip("tfx", reason="the extra 'tfx' is missing")

from tfx import types
from tfx.types import channel_utils
from tfx.types.artifact import Artifact

from akp_keras.code_version import code_version
from components import artifacts
from components.similarity_evaluator.component import SimilarityEvaluator

PARAMETERS = {
    "measures": "cka.linear",
    "families": "control,tanh",
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
}


class ExportedModel(Artifact):
    """As a team has it that never heard of akp_keras."""

    TYPE_NAME = "ExportedModel"


def channel(kind):
    return channel_utils.as_channel([kind()])


def test_what_it_takes_and_gives():
    made = SimilarityEvaluator(
        channel(artifacts.TrainedMember), channel(artifacts.ProbeSet), **PARAMETERS
    )
    assert made.outputs["matrices"].type_name == "SimilarityMatrices"
    assert made.outputs["table"].type_name == "SimilarityTable"
    paths = {"saved_models": None, "probe_file": None, "content": None}
    assert made.exec_properties == PARAMETERS | paths


def test_models_of_any_artifact_type_are_taken():
    made = SimilarityEvaluator(
        types.Channel(type=ExportedModel), probe_file="probe.npz", **PARAMETERS
    )
    assert made.inputs["models"].type_name == "ExportedModel"
    assert made.exec_properties["probe_file"] == "probe.npz"


def test_models_can_be_folders_and_tables():
    made = SimilarityEvaluator(
        probe=channel(artifacts.ProbeSet), saved_models=["exports/*", "more.csv"], **PARAMETERS
    )
    assert json.loads(made.exec_properties["saved_models"]) == ["exports/*", "more.csv"]
    assert set(made.inputs) == {"probe"}


def test_other_files_at_the_same_paths_are_another_execution(tmp_path):
    for name in "ab":
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "saved_model.pb").write_text(name)
    (tmp_path / "probe.npy").write_text("first")

    def content():
        made = SimilarityEvaluator(
            probe_file=str(tmp_path / "probe.npy"),
            saved_models=[str(tmp_path / "models")],
            **PARAMETERS,
        )
        return made.exec_properties["content"]

    digests = [content()]
    assert content() == digests[0]
    (tmp_path / "probe.npy").write_text("other")
    digests.append(content())
    (tmp_path / "models" / "b" / "saved_model.pb").write_text("B")
    digests.append(content())
    (tmp_path / "models" / "b" / "variables").write_text("")
    digests.append(content())
    assert len(set(digests)) == 4


def test_other_files_at_against_are_another_execution(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text(name)
    (tmp_path / "probe.npy").touch()

    def made():
        sources = {"saved_models": [tmp_path / "a"], "probe_file": tmp_path / "probe.npy"}
        options = PARAMETERS | {"against": [str(tmp_path / "b")]}
        return SimilarityEvaluator(**sources, **options).exec_properties

    first = made()
    assert first["against"] == str(tmp_path / "b")
    (tmp_path / "b" / "saved_model.pb").write_text("B")
    second = made()
    (tmp_path / "a" / "saved_model.pb").write_text("A")
    assert len({made()["content"], first["content"], second["content"]}) == 3


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"probe_file": "probe.npz"},
        {"saved_models": ["exports"]},
        {"probe_file": "p.npz", "saved_models": ["x"], "models": types.Channel(type=ExportedModel)},
    ],
)
def test_models_and_probe_are_given_once(sources):
    with pytest.raises(ValueError, match="give either"):
        SimilarityEvaluator(**sources, **PARAMETERS)


def test_paths_may_be_one_text_or_path_objects():
    made = SimilarityEvaluator(saved_models="exports/*", probe_file=Path("p.npz"), **PARAMETERS)
    assert json.loads(made.exec_properties["saved_models"]) == ["exports/*"]
    assert made.exec_properties["probe_file"] == "p.npz"
    made = SimilarityEvaluator(saved_models=[Path("a"), "b"], probe_file="p.npz", **PARAMETERS)
    assert json.loads(made.exec_properties["saved_models"]) == ["a", "b"]
    with pytest.raises(ValueError, match="saved_models is empty"):
        SimilarityEvaluator(saved_models=[], probe_file="p.npz", **PARAMETERS)


def test_a_setting_that_is_not_passed_is_recorded_with_its_default():
    made = SimilarityEvaluator(saved_models=["x"], probe_file="p.npz", null=3)
    recorded = made.exec_properties
    assert recorded["null"] == 3
    assert recorded["measures"] == "cka.linear,cka.linear.debiased,procrustes.angular"
    assert recorded["code_version"] == code_version()
    assert set(PARAMETERS) < set(recorded)


def test_models_that_are_no_channel_are_refused():
    with pytest.raises(TypeError, match="models must be a channel"):
        SimilarityEvaluator(models=["x"], probe_file="p.npz", **PARAMETERS)
