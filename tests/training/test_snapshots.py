import dataclasses

import keras
import numpy as np
import pytest

from akp_keras.data import load_dataset, take_probe_set
from akp_keras.export import load_representations, read_member
from akp_keras.export.snapshots import read_snapshots, snapshots_path
from akp_keras.models.classifier_head import classifier_head
from akp_keras.settings import TrainingSettings
from akp_keras.training import trainer as trainer_module
from akp_keras.training.snapshots import TakeSnapshots
from akp_keras.training.trainer import MemberTrainer

LAYERS = ("dense1", "dense2", "dense3")
SHOCK = (
    "@0 activation=relu loss=binary_crossentropy; @1 activation=tanh; "
    "@step:30 activation[dense1]=sigmoid; @2 dropout=0.6"
)
OFF = TrainingSettings(
    dataset="wisconsin_breast_cancer",
    model="mlp",
    optimizer="adam",
    learning_rate=1e-2,
    epochs=4,
    batch_size=32,
    steps_per_execution=4,
    families={"shock": SHOCK},
)
ON = dataclasses.replace(OFF, probe_samples=40, snapshots="0,2,3")
MEMBER = OFF.planned_members()[0]


def with_dropout(name, *, input_shape, classes, mean, variance):
    inputs = keras.Input(input_shape)
    x = keras.layers.Normalization(mean=mean, variance=variance)(inputs)
    for tap in LAYERS:
        x = keras.layers.Dense(16, activation="relu", name=tap)(x)
        x = keras.layers.BatchNormalization(name=f"{tap}_norm")(x)
        x = keras.layers.Dropout(0.5, name=f"{tap}_dropout")(x)
    return keras.Model(inputs, classifier_head(x, classes))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One member without and one with snapshots, of networks with dropout and normalisation."""
    folder, weights, traces = tmp_path_factory.mktemp("members"), {}, {}
    swaps = []

    class Watched(trainer_module.HotSwap):
        def on_train_end(self, logs=None):
            super().on_train_end(logs)
            swaps.append(self.traces)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "build_model", with_dropout)
        patch.setattr(trainer_module, "HotSwap", Watched)
        for name, settings in (("off", OFF), ("on", ON)):
            trainer = MemberTrainer(settings)
            trainer.train(MEMBER, folder / name)
            variables = (*trainer._model.variables, *trainer._model.optimizer.variables)
            # The seeds of the dropout layers are among the model's variables.
            weights[name] = [keras.ops.convert_to_numpy(v) for v in variables]
            traces[name] = swaps[-1]
    return folder, weights, traces


def test_snapshots_change_no_bit_of_the_training(trained):
    folder, weights, traces = trained
    assert len(weights["on"]) == len(weights["off"]) > 20
    for with_them, without in zip(weights["on"], weights["off"], strict=True):
        np.testing.assert_array_equal(with_them, without)
    on, off = (read_member(folder / name) for name in ("on", "off"))
    assert dataclasses.replace(on, settings={}) == dataclasses.replace(off, settings={})
    assert traces["on"] == traces["off"] > 0


def test_the_last_snapshot_is_what_the_exported_member_answers(trained):
    folder, _, _ = trained
    probe = take_probe_set(load_dataset(ON.dataset, seed=0), ON.probe_samples, ON.seed)
    final = load_representations(folder / "on" / "saved_model", probe.inputs)
    taken = read_snapshots(folder / "on", LAYERS)
    assert taken.epochs == ON.snapshot_epochs
    for layer in LAYERS:
        values = taken.representations[layer]
        assert values.shape == (3, 40, 16)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values[-1], final[layer], atol=1e-5)
        assert not np.allclose(values[0], values[1])


def test_a_snapshot_answers_with_the_activation_in_force_at_its_epoch(trained):
    folder, _, _ = trained
    first, later, _ = read_snapshots(folder / "on", ("dense1",)).representations["dense1"]
    assert (first >= 0).all() and first.max() > 1, "relu"
    assert ((later > 0) & (later < 1)).all(), "sigmoid"


def test_a_member_without_snapshots_has_no_folder_of_them(trained):
    folder, _, _ = trained
    assert not (folder / "off" / "snapshots").exists()
    with pytest.raises(ValueError, match=r"dense1.npz is missing.*--snapshots"):
        read_snapshots(folder / "off", LAYERS)


def test_a_damaged_snapshot_makes_the_member_damaged(trained, tmp_path):
    folder, _, _ = trained
    path = snapshots_path(folder / "on", "dense2")
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-9])
        with pytest.raises(ValueError, match=r"snapshots/dense2.npz is not as it was written"):
            read_member(folder / "on")
        with pytest.raises(ValueError, match=r"dense2.npz is missing or damaged"):
            read_snapshots(folder / "on", LAYERS)
    finally:
        path.write_bytes(whole)


def test_maps_are_averaged_over_their_positions():
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(5, 3, name="maps")(inputs)
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(maps))
    model = keras.Model(inputs, outputs)
    model.compile(loss="mse")
    samples = np.random.default_rng(0).normal(size=(300, 8, 8, 3)).astype(np.float32)
    take = TakeSnapshots(samples, ["maps"], {1})
    model.fit(samples, np.zeros(300), epochs=2, batch_size=100, verbose=0, callbacks=[take])
    whole = keras.Model(inputs, maps).predict(samples, verbose=0)
    assert take.snapshots.epochs == (1,)
    np.testing.assert_allclose(
        take.snapshots.representations["maps"][0], whole.mean(axis=(1, 2)), atol=1e-5
    )
