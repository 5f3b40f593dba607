"""Members of a model and of data that are the user's own."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from akp_keras.export import load_representations, read_member
from akp_keras.settings import TrainingSettings
from akp_keras.training.trainer import MemberTrainer

MODULE = """
import keras
import numpy as np
from keras import layers


def backbone():
    inputs = keras.Input((6,))
    x = layers.Dense(5, activation="relu", name="frozen")(inputs)
    return keras.Model(inputs, layers.Dense(5, activation="relu", name="frozen_too")(x))


def on_backbone(classes):
    base = backbone()
    base.load_weights("backbone.weights.h5")
    base.trainable = False
    x = layers.Dense(4, activation="relu", name="head")(base.output)
    return keras.Model(base.input, layers.Dense(classes, activation="softmax")(x))


def blobs():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    return rng.normal(size=(200, 6)) + 3 * labels[:, None], labels
"""
CONTROL = "@0 activation=relu loss=sparse_categorical_crossentropy"
SETTINGS = TrainingSettings(
    dataset="own_test_training:blobs",
    model="own_test_training:on_backbone",
    taps=["frozen_too", "head"],
    optimizer="AdamW(weight_decay=1e-4)",
    epochs=8,
    learning_rate=5e-2,
    families={"control": CONTROL, "late": f"{CONTROL}; @1 activation=tanh loss=hinge"},
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two members of two families, and the weights of the backbone's file."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_test_training.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        backbone = __import__("own_test_training").backbone()
        backbone.save_weights("backbone.weights.h5")
        trainer = MemberTrainer(SETTINGS)
        trainer.check()
        for member in SETTINGS.planned_members():
            if member.seed < 2:
                trainer.train(member, folder / member.name)
    return folder, trainer, backbone


def test_a_frozen_backbone_keeps_the_weights_of_its_file_in_every_member(trained):
    folder, _, backbone = trained
    samples = np.random.default_rng(1).normal(size=(9, 6)).astype(np.float32)
    expected = np.asarray(backbone(samples))
    heads = []
    for name in ("control/0", "control/1"):
        answers = load_representations(folder / name / "saved_model", samples)
        np.testing.assert_allclose(answers["frozen_too"], expected, atol=1e-5)
        heads.append(answers["head"])
    assert not np.allclose(*heads)
    late = load_representations(folder / "late" / "0" / "saved_model", samples)
    assert (late["head"] < 0).any(), "tanh, with the same weights below"


def test_members_learn_and_tell_their_taps(trained):
    folder, trainer, _ = trained
    assert trainer.taps == ("frozen_too", "head")
    for name in ("control/0", "late/1"):
        record = read_member(folder / name)
        assert record.layers == trainer.taps
        assert record.metrics["test_accuracy"] >= 0.65
        json.dumps(dict(record.settings))
    assert record.settings["optimizer"] == "AdamW(weight_decay=1e-4)"


def test_the_optimizer_has_its_parameters(trained):
    optimizer = trained[1]._model.optimizer
    assert isinstance(optimizer, keras.optimizers.AdamW)
    assert optimizer.weight_decay == 1e-4


def test_a_tap_of_a_model_of_ones_own_is_checked(trained, monkeypatch):
    monkeypatch.chdir(trained[0])
    with pytest.raises(ValueError, match=r"--taps=haed: 'haed' matches no layer.*mean 'head'"):
        MemberTrainer(dataclasses.replace(SETTINGS, taps=["haed"]))
