import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from akp_keras.data.records import ProbeSet
from akp_keras.tensorboard import write_projector

FAMILIES = {"a/0": "a", "a/1": "a", "b/0": "b", "b/1": "b"}
SAMPLES = 20
ANCHORS = 6


def representations():
    rng = np.random.default_rng(0)
    return {
        model: {
            "conv": rng.normal(size=(SAMPLES, 2, 2, 3)),
            "dense": rng.normal(size=(SAMPLES, 4 + index)),
        }
        for index, model in enumerate(FAMILIES)
    }


def chord_of_cka(x, y):
    """√(2 − 2·CKA) of linear kernels, from the definition by Gram matrices."""
    x, y = (array.reshape(len(array), -1) for array in (x, y))
    centring = np.eye(len(x)) - 1 / len(x)
    a, b = (centring @ array @ array.T @ centring for array in (x, y))
    cka = np.sum(a * b) / (np.linalg.norm(a) * np.linalg.norm(b))
    return np.sqrt(max(0.0, 2 - 2 * cka))


@pytest.mark.parametrize("layer", ["conv", "dense"])
def test_the_map_has_the_distances_of_the_measure(tmp_path, pages_of, layer):
    arrays = representations()
    write_projector(tmp_path / "logs", arrays, FAMILIES)
    pages = pages_of(tmp_path / "logs")
    tensor = pages.tensor("00_models", f"{layer}/cka.linear").astype(float)[:-ANCHORS]
    expected = [[chord_of_cka(arrays[i][layer], arrays[j][layer]) for j in arrays] for i in arrays]
    np.testing.assert_allclose(
        squareform(pdist(tensor))[~np.eye(4, dtype=bool)],
        np.array(expected)[~np.eye(4, dtype=bool)],
        atol=1e-4,
    )
    metadata = pages.metadata("00_models", f"{layer}/cka.linear")
    assert metadata["name"][:4] == tuple(FAMILIES)
    assert metadata["family"] == ("a", "a", "b", "b", *[""] * ANCHORS)


def test_a_layer_that_some_models_lack_has_the_others(tmp_path, pages_of):
    arrays = representations()
    del arrays["a/1"]["conv"]
    write_projector(tmp_path / "logs", arrays, FAMILIES)
    metadata = pages_of(tmp_path / "logs").metadata("00_models", "conv/cka.linear")
    assert metadata["name"][:-ANCHORS] == ("a/0", "b/0", "b/1")


def test_given_distances_need_no_representations(tmp_path, pages_of):
    distances = squareform(pdist(np.random.default_rng(1).normal(size=(4, 3))))
    write_projector(
        tmp_path / "logs",
        {},
        FAMILIES,
        distances={"dense": distances},
        measure="my_own",
        accuracies={"a/0": 0.91, "b/1": 0.5},
    )
    pages = pages_of(tmp_path / "logs")
    assert pages.runs() == ["00_models"]
    tensor = pages.tensor("00_models", "dense/my_own")
    np.testing.assert_allclose(squareform(pdist(tensor[:4])), distances, atol=1e-5)
    metadata = pages.metadata("00_models", "dense/my_own")
    assert metadata["accuracy"][:4] == ("0.9100", "", "", "0.5000")
    assert metadata["accuracy_class"][:4] == ("0.90 to 0.95", "", "", "0.50 to 0.55")
    titles = [state["label"] for state in pages.bookmarks("00_models", "dense/my_own")]
    assert titles[0] == "Colour by family, in space"
    assert "Colour by accuracy, flat" in titles


def test_samples_of_the_first_model_of_each_family(tmp_path, pages_of):
    probe = ProbeSet(
        ids=np.array([f"digit-{index}" for index in range(SAMPLES)]),
        inputs=np.random.default_rng(2).uniform(0, 255, (SAMPLES, 8, 8, 1)),
        labels=np.arange(SAMPLES) % 10,
        class_names=tuple("0123456789"),
    )
    distances = {"dense": np.ones((4, 4)) - np.eye(4)}
    write_projector(
        tmp_path / "logs", representations(), FAMILIES, distances=distances, probe=probe
    )
    pages = pages_of(tmp_path / "logs")
    assert sorted(pages.runs()) == ["00_models", "samples/a/0", "samples/b/0"]
    assert pages.metadata("samples/b/0", "conv")["name"] == tuple(probe.ids)
    colours = [state["selectedColorOptionName"] for state in pages.bookmarks("samples/b/0", "conv")]
    assert colours == ["class", "class"]
    assert pages.embeddings("samples/b/0")["conv"]["sprite"]["singleImageDim"] == [32, 32]
    write_projector(
        tmp_path / "logs", representations(), FAMILIES, distances=distances, samples_of=["a/1"]
    )
    pages = pages_of(tmp_path / "logs")
    assert sorted(pages.runs()) == ["00_models", "samples/a/1"]
    assert pages.metadata("samples/a/1", "conv")["name"][0] == "sample 0"
    assert "bookmarksPath" not in pages.embeddings("samples/a/1")["conv"]


def shorter(arrays):
    arrays["b/1"]["dense"] = arrays["b/1"]["dense"][1:]
    return arrays


GIVEN = {"distances": {"x": np.ones((4, 4)) - np.eye(4)}}


@pytest.mark.parametrize(
    ("arrays", "families", "options", "message"),
    [
        ([], FAMILIES, {}, "representations must be a mapping such as .* not list"),
        ({}, ["a"], {}, "families must be a mapping such as .* not list"),
        ({}, FAMILIES, {"distances": [1]}, "distances must be a mapping"),
        ({}, FAMILIES, GIVEN | {"accuracies": [0.5]}, "accuracies must be a mapping"),
        ({}, FAMILIES, GIVEN | {"samples_of": "a/0"}, r"a list of models such as \['a/0'\]"),
        ({}, FAMILIES, GIVEN | {"measure": ""}, "measure '' names nothing"),
        ({}, FAMILIES, GIVEN | {"accuracies": {"a/0": 1.7}}, "'a/0' must be a fraction .* 1.7"),
        ({}, FAMILIES, GIVEN | {"accuracies": {"a/0": -1}}, "'a/0' must be a fraction .* -1"),
        ({}, FAMILIES, GIVEN | {"accuracies": {"a/0": np.inf}}, "must be a fraction .* inf"),
        ({}, FAMILIES, GIVEN | {"accuracies": {"a/0": "0.9"}}, "must be a fraction .* '0.9'"),
        ({}, FAMILIES, GIVEN | {"accuracies": {"a/00": 0.9}}, "'a/00', .* did you mean 'a/0'"),
        ({}, {"m" * 300: "a", "b": "b"}, GIVEN, "model 'm+'… of 300 letters is too long"),
        ({"a": {"l" * 300: np.ones((3, 3))}}, {"a": "a"}, {}, "layer 'l+'… of 300 letters is too"),
        ({"a": {"x": np.float64(3)}}, {"a": "a"}, {}, r"two samples or more .* the shape \(\)"),
        ({"a": {"x": np.ones((0, 3))}}, {"a": "a"}, {}, r"two samples or more .* \(0, 3\)"),
        ({"a": {"x": [["b"]]}}, {"a": "a"}, {}, "two samples or more .* has no numbers"),
        ({"a": {"x": [[1], [2, 3]]}}, {"a": "a"}, {}, "two samples or more .* has no numbers"),
        (representations(), {}, {}, "families is empty"),
        (representations(), {"a/0": "a"}, {}, "'a/1' has representations but no family"),
        ({}, FAMILIES, {}, "'a/0' has no representations"),
        ({"a/0": np.ones((3, 3))}, {"a/0": "a"}, {}, "must be a mapping"),
        (shorter(representations()), FAMILIES, {}, "'b/1' has 19 samples at layer 'dense'"),
        ({}, {"a b": "a"}, {"distances": {}}, "model 'a b'"),
        ({}, {"a": "a+b"}, {"distances": {}}, "family 'a\\+b'"),
        ({}, FAMILIES, {"distances": {}}, "at least one"),
        ({}, FAMILIES, {"distances": {"x": np.zeros((3, 3))}}, "shape \\(3, 3\\) for 4 models"),
        ({}, FAMILIES, {"distances": {"a b": np.zeros((4, 4))}}, "layer 'a b'"),
        (
            {},
            FAMILIES,
            {"distances": {"x": np.zeros((4, 4))}, "samples_of": ["a/0"]},
            "which has no representations",
        ),
    ],
)
def test_refuses_what_does_not_fit(tmp_path, arrays, families, options, message):
    with pytest.raises(ValueError, match=message):
        write_projector(tmp_path / "logs", arrays, families, **options)
    assert list(tmp_path.iterdir()) == []


def test_refuses_models_without_a_common_layer(tmp_path):
    arrays = {"a": {"x": np.ones((3, 2))}, "b": {"y": np.ones((3, 2))}}
    with pytest.raises(ValueError, match="no layer belongs to two models"):
        write_projector(tmp_path / "logs", arrays, {"a": "f", "b": "f"})
