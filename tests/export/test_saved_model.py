import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from akp_keras.export import load_representations, read_description, save_member
from akp_keras.models import build_model, tapped_layers

IMAGES = np.random.default_rng(0).uniform(0, 255, (7, 16, 16, 3)).astype(np.float32)
LAYERS = tapped_layers("small_cnn")


def model(classes=2):
    keras.utils.set_random_seed(1)
    return build_model(
        "small_cnn",
        input_shape=(16, 16, 3),
        classes=classes,
        mean=np.full(3, 127, np.float32),
        variance=np.full(3, 70**2, np.float32),
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "saved_model"
    original = model()
    save_member(
        path, original, layers=LAYERS, description={"family": "control", "seed": 3, "swaps": []}
    )
    return original, path


def test_representations_are_the_layers_outputs(saved):
    original, path = saved
    answers = load_representations(path, IMAGES, batch_size=3)
    assert tuple(answers) == LAYERS
    for layer in LAYERS:
        tap = keras.Model(original.inputs, original.get_layer(layer).output)
        np.testing.assert_allclose(answers[layer], np.asarray(tap(IMAGES)), rtol=1e-5, atol=1e-6)
    assert answers["block1"].ndim == 4, "the spatial policy is not the SavedModel's"


@pytest.mark.parametrize("classes", [2, 4])
def test_serving_signature_has_a_column_a_class(saved, tmp_path, classes):
    original, path = saved
    if classes != 2:
        original, path = model(classes), tmp_path / "m"
        save_member(path, original, layers=LAYERS, description={})
    loaded = tf.saved_model.load(str(path))
    answers = loaded.signatures["serving_default"](tf.constant(IMAGES))
    probabilities = answers["probabilities"].numpy()
    assert probabilities.shape == answers["logits"].shape == (7, classes)
    np.testing.assert_allclose(tf.nn.softmax(answers["logits"]), probabilities, atol=1e-6)
    expected = np.asarray(original(IMAGES))
    np.testing.assert_allclose(
        probabilities[:, 1:] if classes == 2 else probabilities, expected, atol=1e-6
    )


def test_it_works_where_akp_keras_and_keras_are_not_imported(saved):
    _, path = saved
    code = (
        "import sys; sys.modules['akp_keras'] = sys.modules['keras'] = None\n"
        "import tensorflow as tf\n"
        f"m = tf.saved_model.load({str(path)!r})\n"
        "print(sorted(m.signatures['representations'](tf.zeros((2, 16, 16, 3)))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sorted(LAYERS))


def test_description_says_whose_weights_these_are(saved):
    _, path = saved
    description = read_description(path)
    assert description["family"] == "control"
    assert description["layers"] == list(LAYERS)
    assert json.loads((path / "assets.extra" / "akp.json").read_text())["format_version"] == 1


def test_a_foreign_saved_model_is_asked_by_its_own_signature(tmp_path):
    inputs = keras.Input((5,))
    foreign = keras.Model(inputs, keras.layers.Dense(3, name="features")(inputs))
    foreign.export(str(tmp_path / "foreign"), verbose=False)
    samples = np.ones((4, 5), np.float32)
    answers = load_representations(tmp_path / "foreign", samples, signature="serving_default")
    (values,) = answers.values()
    np.testing.assert_allclose(values, np.asarray(foreign(samples)), rtol=1e-6)
    with pytest.raises(ValueError, match=r"has no signature .representations.; it has .*serving_"):
        load_representations(tmp_path / "foreign", samples)


def test_wrong_questions_are_answered_in_one_line(saved, tmp_path):
    original, path = saved
    with pytest.raises(ValueError, match="is not a SavedModel"):
        load_representations(tmp_path, IMAGES)
    with pytest.raises(ValueError, match="has no output 'block9'; did you mean 'block3'"):
        load_representations(path, IMAGES, layers=["block9"])
    with pytest.raises(ValueError, match=r"takes samples of shape \(16, 16, 3\)"):
        load_representations(path, IMAGES[:, :8])
    with pytest.raises(ValueError, match="has no layer 'block9'"):
        save_member(tmp_path / "m", original, layers=["block9"], description={})
    assert not (tmp_path / "m").exists()


def test_a_damaged_saved_model_is_named(saved, tmp_path):
    _, path = saved
    shutil.copytree(path, tmp_path / "m")
    data = tmp_path / "m" / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"SavedModel {tmp_path / 'm'} is damaged") as refusal:
        load_representations(tmp_path / "m", IMAGES)
    assert "\n" not in str(refusal.value)


def test_an_output_that_changes_the_batch_size_is_refused(tmp_path):
    class Foreign(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 5))])
        def representations(self, x):
            return {"mean": tf.reduce_mean(x, axis=0, keepdims=True)}

    foreign = Foreign()
    tf.saved_model.save(
        foreign, str(tmp_path / "m"), signatures={"representations": foreign.representations}
    )
    with pytest.raises(ValueError, match="its first axis must be the batch"):
        load_representations(tmp_path / "m", np.ones((4, 5), np.float32))
