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
SHOCK = (
    f"{CONTROL}; @1 activation=tanh loss=hinge dropout=0.9; @step:30 activation[dense1]=sigmoid "
    "weights=noise(0.1) optimizer.learning_rate=1"
)
RANDOM = f"{CONTROL} labels=random(1.0)"
NOISY = f"{CONTROL} inputs=noise(50); @step:30 activation=tanh"
SETTINGS = TrainingSettings(
    dataset="wisconsin_breast_cancer",
    model="mlp",
    optimizer="adam",
    learning_rate=1e-2,
    epochs=3,
    batch_size=32,
    steps_per_execution=4,
    families={"control": CONTROL, "shock": SHOCK, "random": RANDOM, "noisy": NOISY},
)


def member(family, seed, schedule):
    return Member(Family.parse(f"{family}: {schedule}"), seed, 0)


def with_dropout(name, *, input_shape, classes, mean, variance):
    inputs = keras.Input(input_shape)
    x = keras.layers.Normalization(mean=mean, variance=variance)(inputs)
    for tap in ("dense1", "dense2", "dense3"):
        x = keras.layers.Dense(32, activation="relu", name=tap)(x)
        x = keras.layers.Dropout(0.2, name=f"{tap}_dropout")(x)
    return keras.Model(inputs, classifier_head(x, classes))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Members of one trainer, and some of them again, from another trainer in another order."""
    root = tmp_path_factory.mktemp("members")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer_module, "build_model", with_dropout)
        first, fresh = MemberTrainer(SETTINGS), MemberTrainer(SETTINGS)
    for trainer, folder, specification in (
        (first, "control", member("control", 0, CONTROL)),
        (first, "noisy", member("noisy", 0, NOISY)),
        (first, "shock", member("shock", 0, SHOCK)),
        (first, "other_seed", member("noisy", 1, NOISY)),
        (first, "random", member("random", 0, RANDOM)),
        (first, "control_again", member("control", 0, CONTROL)),
        (fresh, "shock_again", member("shock", 0, SHOCK)),
        (fresh, "noisy_again", member("noisy", 0, NOISY)),
    ):
        trainer.train(specification, root / folder)
    return root


def representations(folder):
    samples = np.linspace(0, 100, 8 * 30, dtype=np.float32).reshape(8, 30)
    return load_representations(folder / "saved_model", samples)


def assert_same_member(one, other):
    assert read_member(one) == read_member(other)
    for layer, values in representations(one).items():
        np.testing.assert_array_equal(values, representations(other)[layer])


@pytest.mark.parametrize("member", ["control", "shock", "noisy"])
def test_a_member_does_not_depend_on_who_was_trained_before_it(folders, member):
    assert_same_member(folders / member, folders / f"{member}_again")


def test_members_differ_by_seed(folders):
    one, other = representations(folders / "noisy"), representations(folders / "other_seed")
    assert not np.allclose(one["dense1"], other["dense1"])


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


def test_noise_is_in_the_inputs_of_training_alone(folders):
    noisy, control = read_member(folders / "noisy"), read_member(folders / "control")
    # A mean radius is about 14, so noise of 50 hides most of what the samples say.
    assert max(noisy.history["accuracy"]) < min(control.history["accuracy"])
    assert noisy.metrics["train_accuracy"] > noisy.history["accuracy"][-1]
    happened = [(swap["what"], swap["from"], swap["to"], swap["step"]) for swap in noisy.swaps]
    assert ("inputs", "original", "noise(50)", 0) in happened
    assert ("activation", "relu", "tanh", 30) in happened


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
    with pytest.raises(ValueError, match="--optimizer=adamm cannot be created"):
        MemberTrainer(dataclasses.replace(SETTINGS, optimizer="adamm"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"optimizer": "AdamW(weight_dcay=1)"}, r"--optimizer=AdamW\(weight_dcay=1\) cannot be"),
        ({"taps": ["dense1", "dense.*x"]}, "--taps=dense1,dense.*x: 'dense.*x' matches no layer"),
        ({"dataset": "npz:nowhere.npz"}, "--dataset=npz:nowhere.npz: there is no file"),
        ({"model": "keras:nowhere.keras"}, "--model=keras:nowhere.keras: there is no file"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_the_name_of_its_flag(changed, message):
    with pytest.raises(ValueError, match=message) as refusal:
        MemberTrainer(dataclasses.replace(SETTINGS, **changed))
    assert "\n" not in str(refusal.value)


def test_a_model_that_cannot_take_the_samples_is_refused():
    with pytest.raises(ValueError, match=r"not samples of shape \(30,\); model 'mlp' takes any"):
        MemberTrainer(dataclasses.replace(SETTINGS, model="small_cnn"))


def test_swaps_leave_nothing_to_the_next_member(tmp_path):
    eventful = (
        f"{CONTROL}; @1 optimizer.learning_rate=linear(0.01→0.001 over 20 steps) "
        "loss_weights=linear(1→0.5 over 1 epoch) trainable[dense1]=false "
        "activation=blend(relu,tanh,linear(0→1 over 4 epochs)); "
        "@step:13 optimizer=SGD(learning_rate=0.1,momentum=0.9)"
    )
    schedules = {"control": CONTROL, "eventful": eventful}
    settings = dataclasses.replace(SETTINGS, epochs=2, families=schedules)
    used, fresh = MemberTrainer(settings), MemberTrainer(settings)
    used.train(member("eventful", 0, eventful), tmp_path / "first")
    for trainer, folder in ((used, tmp_path / "used"), (fresh, tmp_path / "fresh")):
        trainer.train(member("control", 1, CONTROL), folder / "control")
        trainer.train(member("eventful", 1, eventful), folder / "eventful")
    for name in schedules:
        assert_same_member(tmp_path / "used" / name, tmp_path / "fresh" / name)
