import shutil

import keras
import numpy as np
import pytest

from akp_keras.export import MemberRecord, read_member, write_member
from akp_keras.files.whole import remove_unfinished
from akp_keras.models import build_model

RECORD = MemberRecord(
    family="late_tanh",
    seed=3,
    schedule="@0 activation=relu; @6 activation=tanh",
    layers=("dense1", "dense2"),
    metrics={"train_accuracy": 0.9, "test_accuracy": 1 / 3, "gap": 0.9 - 1 / 3},
    history={"loss": (0.7, 0.1 + 0.2), "val_loss": (0.8, float("inf"))},
    swaps=(
        {
            "epoch": 6,
            "step": 384,
            "what": "activation",
            "from": "relu",
            "to": "tanh",
            "layers": ["dense1"],
        },
    ),
    steps_per_epoch=64,
    settings={"epochs": 8},
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_model("mlp", input_shape=(5,), classes=2, mean=np.zeros(5), variance=np.ones(5))


@pytest.fixture(scope="module")
def written(tmp_path_factory, model):
    """A member's folder, not to be changed."""
    folder = tmp_path_factory.mktemp("members") / RECORD.family / str(RECORD.seed)
    write_member(folder, RECORD, model, description={"dataset": "none"})
    return folder


def test_what_is_written_is_read_to_the_last_bit(written):
    assert read_member(written) == RECORD
    assert [path.name for path in written.parent.iterdir()] == ["3"], "nothing half-written"


@pytest.mark.parametrize(
    "file", ["history.csv", "saved_model/assets.extra/akp.json", "saved_model/saved_model.pb"]
)
def test_damage_to_any_file_is_named(tmp_path, written, file):
    folder = shutil.copytree(written, tmp_path / "0")
    damaged = folder / file
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=f"{file} is not as it was written"):
        read_member(folder)
    damaged.unlink()
    with pytest.raises(ValueError, match="remove it and run again"):
        read_member(folder)


def test_leavings_of_a_killed_run_are_removed_and_members_stay(tmp_path, written):
    shutil.copytree(written, tmp_path / "control" / "0")
    (tmp_path / "control" / "1.4711.unfinished" / "saved_model").mkdir(parents=True)
    remove_unfinished(tmp_path, "*/*")
    assert [path.name for path in (tmp_path / "control").iterdir()] == ["0"]
