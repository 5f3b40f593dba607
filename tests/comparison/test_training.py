import numpy as np
import pytest

from akp_keras.comparison.training import follow_training
from akp_keras.export.snapshots import Snapshots, write_snapshots

MEMBERS = ("control/0", "control/1", "shock/0", "shock/1")


@pytest.fixture
def folders(tmp_path):
    """Members' folders with snapshots of two layers, one of which is dead in nearly all."""
    rng = np.random.default_rng(0)
    places = {}
    for name in MEMBERS:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        values = {layer: rng.normal(size=(2, 20, 5)) for layer in ("dense", "dead")}
        if name != "control/0":
            values["dead"][1] = 0
        write_snapshots(folder, Snapshots((0, 3), values))
        places[name] = folder
    return places


def test_layers_are_followed_and_those_that_cannot_be_have_a_reason(folders):
    followed, reasons = follow_training(folders, ("dense", "dead"), "cka.linear")
    (dense,) = followed
    assert (dense.layer, dense.epochs, dense.members) == ("dense", (0, 3), MEMBERS)
    assert list(reasons) == ["dead"]
    assert "members that can be compared at all epochs, got 1" in reasons["dead"]


def test_members_with_other_epochs_are_refused(folders):
    other = Snapshots((0, 4), {"dense": np.ones((2, 20, 5)), "dead": np.ones((2, 20, 5))})
    write_snapshots(folders["shock/1"], other)
    with pytest.raises(ValueError, match="snapshots of different epochs"):
        follow_training(folders, ("dense",), "cka.linear")


def test_a_member_without_snapshots_is_named(folders):
    (folders["shock/0"] / "snapshots" / "dense.npz").unlink()
    with pytest.raises(ValueError, match=r"shock/0/snapshots/dense.npz is missing"):
        follow_training(folders, ("dense",), "cka.linear")
