import dataclasses

import keras
import numpy as np
import pytest

from akp_keras.export import load_representations, read_description, read_member
from akp_keras.models.classifier_head import classifier_head
from akp_keras.settings import Family, Member, TrainingSettings
from akp_keras.training import trainer as trainer_module
from akp_keras.training.trainer import MemberTrainer

CONTROL = "@0 activation=relu loss=binary_crossentropy"
SHOCK = f"{CONTROL}; @1 activation=tanh loss=hinge; @step:30 activation[dense1]=sigmoid"
RANDOM = f"{CONTROL} labels=random(1.0)"
SETTINGS = TrainingSettings(
    dataset="wisconsin_breast_cancer",
    model="mlp",
    optimizer="adam",
    learning_rate=1e-2,
    epochs=3,
    batch_size=32,
    steps_per_execution=4,
    families={"control": CONTROL, "shock": SHOCK, "random": RANDOM},
)


def member(family, seed, schedule):
    return Member(Family.parse(f"{family}: {schedule}"), seed, 0)


@pytest.fixture(scope="module")
def trainer():
    return MemberTrainer(SETTINGS)


@pytest.fixture(scope="module")
def folders(trainer, tmp_path_factory):
    root = tmp_path_factory.mktemp("members")
    specifications = {
        "control": member("control", 0, CONTROL),
        "shock": member("shock", 0, SHOCK),
        "random": member("random", 0, RANDOM),
        "again": member("control", 0, CONTROL),
        "other_seed": member("control", 1, CONTROL),
    }
    for name, specification in specifications.items():
        trainer.train(specification, root / name)
    return root


def representations(folder):
    samples = np.linspace(0, 100, 8 * 30, dtype=np.float32).reshape(8, 30)
    return load_representations(folder / "saved_model", samples)


def assert_same_member(first, second):
    assert read_member(first) == read_member(second)
    for layer, values in representations(first).items():
        np.testing.assert_array_equal(values, representations(second)[layer])


def test_a_member_does_not_depend_on_who_was_trained_before_it(folders):
    assert_same_member(folders / "control", folders / "again")


def test_a_member_of_a_used_trainer_is_that_of_a_fresh_one(folders, tmp_path):
    MemberTrainer(SETTINGS).train(member("shock", 0, SHOCK), tmp_path / "fresh")
    assert_same_member(folders / "shock", tmp_path / "fresh")


def test_a_member_with_dropout_does_not_depend_on_the_others_either(tmp_path, monkeypatch):
    def with_dropout(name, *, input_shape, classes, mean, variance):
        inputs = keras.Input(input_shape)
        x = keras.layers.Normalization(mean=mean, variance=variance)(inputs)
        for tap in ("dense1", "dense2", "dense3"):
            x = keras.layers.Dense(16, activation="relu", name=tap)(x)
            x = keras.layers.Dropout(0.5)(x)
        return keras.Model(inputs, classifier_head(x, classes))

    monkeypatch.setattr(trainer_module, "build_model", with_dropout)
    plain = "@1 loss=hinge"
    stressed = "@1 activation=tanh dropout=0.9; @2 weights=noise(0.5) optimizer.learning_rate=1"
    families = {"plain": plain, "stressed": stressed}
    trainer = MemberTrainer(dataclasses.replace(SETTINGS, families=families))
    for number, schedule in enumerate((plain, stressed, plain)):
        specification = member("control", 0, schedule)
        trainer.train(specification, tmp_path / str(number))
    assert_same_member(tmp_path / "0", tmp_path / "2")
    assert read_member(tmp_path / "0").history != read_member(tmp_path / "1").history


def test_members_differ_by_seed(folders):
    first, second = representations(folders / "control"), representations(folders / "other_seed")
    assert not np.allclose(first["dense1"], second["dense1"])


def test_the_record_says_what_happened(folders):
    record = read_member(folders / "shock")
    assert record.layers == ("dense1", "dense2", "dense3")
    happened = [(swap["epoch"], swap["what"], swap["from"], swap["to"]) for swap in record.swaps]
    assert (1, "activation", "relu", "tanh") in happened
    assert (1, "loss", "binary_crossentropy", "hinge") in happened
    assert (2, "activation", "tanh", "sigmoid") in happened
    (late,) = [swap for swap in record.swaps if swap["to"] == "sigmoid"]
    assert late["step"] == 30
    assert late["layers"] == ["dense1"]
    assert {len(values) for values in record.history.values()} == {3}
    assert record.metrics["gap"] == pytest.approx(
        record.metrics["train_accuracy"] - record.metrics["test_accuracy"]
    )


def test_only_real_labels_generalise(folders):
    control, random = read_member(folders / "control"), read_member(folders / "random")
    assert control.metrics["test_accuracy"] > 0.9
    assert random.metrics["test_accuracy"] < 0.8
    assert random.swaps[0]["what"] == "labels"


def test_the_exported_graph_holds_the_activation_in_force(folders):
    answers = representations(folders / "shock")
    assert (answers["dense2"] < 0).any(), "tanh, no longer relu"
    assert ((answers["dense1"] >= 0) & (answers["dense1"] <= 1)).all(), "sigmoid"
    assert read_description(folders / "shock" / "saved_model")["family"] == "shock"


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("@1 activation=reluu", "did you mean 'relu'"),
        ("@1 loss=hing", "did you mean 'hinge'"),
        ("@1 activation[conv.*]=tanh", r"activation\[conv.*\]=tanh matches no layer"),
        ("@plateau(nonsense,patience=1) loss=hinge", "no metric 'nonsense'; known are .*loss"),
        ("@1 loss=Huber(delta=abc)", "loss=Huber.delta=abc.: .* fails on labels"),
        ("@1 activation=glu", "activation=glu"),
        ("@step:9999 loss=hinge", "@step:9999 comes after the end of training"),
    ],
)
def test_a_schedule_that_cannot_fit_is_refused_before_the_first_step(schedule, message):
    families = {"control": CONTROL, "x": f"{CONTROL}; {schedule}"}
    with pytest.raises(ValueError, match=f"--family=x: .*{message}"):
        MemberTrainer(dataclasses.replace(SETTINGS, families=families)).check()


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="--optimizer=adamm cannot be made"):
        MemberTrainer(dataclasses.replace(SETTINGS, optimizer="adamm"))


def test_a_model_that_cannot_take_the_samples_is_refused():
    with pytest.raises(ValueError, match=r"not samples of shape \(30,\); model 'mlp' takes any"):
        MemberTrainer(dataclasses.replace(SETTINGS, model="small_cnn"))
