from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from akp_keras import similarity
from akp_keras.comparison import evaluate_similarity, matrix_path, read_matrix, write_matrix
from akp_keras.comparison import representations as representations_module
from akp_keras.comparison.layers import compare_layer
from akp_keras.export import load_representations

SAMPLES = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
MEASURES = ["cka.linear", "procrustes.angular"]


@pytest.fixture(autouse=True)
def _threads_of_this_process(monkeypatch):
    # The tests run in threads, beside a TensorFlow that has its threads already.
    monkeypatch.setattr(representations_module, "configure_tensorflow", lambda: None)


def save_network(path, kernels):
    """Two layers of relu as a SavedModel, which takes a tenth of the time of one of Keras."""

    @tf.function(input_signature=[tf.TensorSpec((None, 5))])
    def representations(x):
        first = tf.nn.relu(x @ kernels[0])
        return {"dense1": first, "dense3": tf.nn.relu(first @ kernels[1])}

    tf.saved_model.save(tf.Module(), str(path), signatures={"representations": representations})


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    paths = {f"control/{seed}": folder / str(seed) for seed in range(3)} | {
        "dead/0": folder / "dead"
    }
    for seed, (name, path) in enumerate(paths.items()):
        rng = np.random.default_rng(seed)
        kernels = [rng.normal(size=shape).astype(np.float32) for shape in ((5, 64), (64, 64))]
        if name == "dead/0":
            kernels[1] = -np.abs(kernels[1])
        save_network(path, kernels)
    return paths


@pytest.fixture(scope="module")
def compared(saved_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("similarity")
    patch = pytest.MonkeyPatch()
    patch.setattr(representations_module, "configure_tensorflow", lambda: None)
    with ThreadPoolExecutor(1) as executor:
        summary = evaluate_similarity(
            saved_models, SAMPLES, MEASURES, folder / "out", executor=executor
        )
    patch.undo()
    return folder / "out" / "similarity", tuple(summary["layers"])


def test_a_matrix_holds_the_measure_of_every_pair(saved_models, compared):
    folder, layers = compared
    assert layers == ("dense1", "dense3")
    answers = {
        name: load_representations(path, SAMPLES)["dense1"] for name, path in saved_models.items()
    }
    for measure in MEASURES:
        matrix = read_matrix(matrix_path(folder, "dense1", measure))
        assert matrix.members == tuple(saved_models)
        assert matrix.samples == 40
        assert matrix.features.tolist() == [64] * 4
        for row, one in enumerate(saved_models):
            for column, other in enumerate(saved_models):
                expected = similarity.compare(answers[one], answers[other], measure)
                # The angle of equal representations is an arccos near 1: half the digits.
                assert matrix.values[row, column] == pytest.approx(expected, abs=1e-6)
        np.testing.assert_array_equal(np.diag(matrix.distances), 0)
        np.testing.assert_array_equal(matrix.distances, matrix.distances.T)


def test_a_dead_layer_is_left_out_and_said_so(compared):
    folder, _ = compared
    matrix = read_matrix(matrix_path(folder, "dense3", "cka.linear"))
    assert matrix.members == ("control/0", "control/1", "control/2")
    assert matrix.excluded == {"dead/0": "constant over the probe set: it tells no samples apart"}


def test_nothing_half_written_is_left(compared):
    folder, _ = compared
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {
        f"{layer}/{measure}.npz" for layer in ("dense1", "dense3") for measure in MEASURES
    }


def test_the_same_comparison_gives_the_same_bytes(saved_models, compared, tmp_path):
    folder, _ = compared
    with ThreadPoolExecutor(2) as executor:
        evaluate_similarity(saved_models, SAMPLES, MEASURES, tmp_path / "out", executor=executor)
    for path in folder.rglob("*.npz"):
        again = tmp_path / "out" / "similarity" / path.relative_to(folder)
        assert path.read_bytes() == again.read_bytes()


def test_too_few_comparable_members_are_an_error_with_the_reason(saved_models, tmp_path):
    chosen = {name: saved_models[name] for name in ("control/0", "dead/0")}
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(
            ValueError,
            match=r"layer 'dense3' needs at least two comparable members, got 1 .*apart\)$",
        ),
    ):
        evaluate_similarity(chosen, SAMPLES, MEASURES, tmp_path / "out", executor=executor)


def test_a_diverged_member_is_not_comparable(tmp_path):
    answers = {
        "a/0": np.random.default_rng(0).normal(size=(6, 2)),
        "a/1": np.random.default_rng(1).normal(size=(6, 2)),
        "diverged/0": np.full((6, 2), np.nan),
    }
    paths = {}
    for number, (name, values) in enumerate(answers.items()):
        paths[name] = tmp_path / f"{number}.npy"
        np.save(paths[name], values)
    with ThreadPoolExecutor(1) as executor:
        (compared,) = compare_layer("dense", paths, ["cka.linear"], executor=executor)
    assert compared.matrix.members == ("a/0", "a/1")
    assert compared.matrix.excluded == {
        "diverged/0": "not finite: NaN or infinity among its answers"
    }


def test_a_matrix_is_read_as_it_was_written_and_damage_is_named(compared, tmp_path):
    folder, _ = compared
    matrix = read_matrix(matrix_path(folder, "dense3", "cka.linear"))
    path = tmp_path / "again.npz"
    write_matrix(path, matrix)
    assert path.read_bytes() == matrix_path(folder, "dense3", "cka.linear").read_bytes()
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"again.npz is missing, damaged or not a similarity"):
        read_matrix(path)
