"""A family whose training inputs are noisy: `--family='noisy: @0 inputs=noise(0.5)'`."""

import numpy as np
import pytest

from akp_keras.export import load_representations, read_member
from akp_keras.settings import Family, Member, TrainingSettings
from akp_keras.training.trainer import MemberTrainer

CONTROL = "@0 activation=relu"
NOISY = "@0 inputs=noise(50); @step:30 activation=tanh"
SETTINGS = TrainingSettings(
    dataset="wisconsin_breast_cancer",
    model="mlp",
    optimizer="adam",
    learning_rate=1e-2,
    epochs=3,
    batch_size=32,
    steps_per_execution=4,
    families={"control": CONTROL, "noisy": NOISY},
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("members")
    shared, fresh = MemberTrainer(SETTINGS), MemberTrainer(SETTINGS)
    shared.check()
    for trainer, name, family, seed, schedule in (
        (shared, "control", "control", 0, CONTROL),
        (shared, "noisy", "noisy", 0, NOISY),
        (shared, "other", "noisy", 1, NOISY),
        (shared, "after_noise", "control", 0, CONTROL),
        (shared, "again", "noisy", 0, NOISY),
        (fresh, "fresh", "noisy", 0, NOISY),
    ):
        trainer.train(Member(Family.parse(f"{family}: {schedule}"), seed, 0), root / name)
    return root


def answers(folder):
    samples = np.linspace(0, 100, 8 * 30, dtype=np.float32).reshape(8, 30)
    return load_representations(folder / "saved_model", samples)["dense1"]


@pytest.mark.parametrize(
    ("first", "second"), [("noisy", "again"), ("noisy", "fresh"), ("control", "after_noise")]
)
def test_a_noisy_member_depends_on_nothing_but_its_seed(folders, first, second):
    assert read_member(folders / first) == read_member(folders / second)
    np.testing.assert_array_equal(answers(folders / first), answers(folders / second))


def test_the_noise_is_in_training_alone(folders):
    noisy, control = read_member(folders / "noisy"), read_member(folders / "control")
    assert not np.allclose(answers(folders / "noisy"), answers(folders / "other"))
    # A mean radius is about 14, so noise of 50 hides most of what the samples say.
    assert max(noisy.history["accuracy"]) < min(control.history["accuracy"])
    assert noisy.metrics["train_accuracy"] > noisy.history["accuracy"][-1]
    assert [(s["what"], s["from"], s["to"], s["step"]) for s in noisy.swaps] == [
        ("inputs", "original", "noise(50)", 0),
        ("activation", "relu", "tanh", 30),
    ]
