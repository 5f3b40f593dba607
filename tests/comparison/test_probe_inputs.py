import numpy as np
import pytest

from akp_keras.comparison.probe_inputs import read_probe_inputs
from akp_keras.data import ProbeSet, write_probe

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_a_probe_set_of_an_experiment(tmp_path):
    write_probe(
        tmp_path / "probe.npz",
        ProbeSet(np.array(list("abcd")), VALUES, np.array([0, 1, 0, 1]), ("no", "yes")),
    )
    probe = read_probe_inputs(tmp_path / "probe.npz")
    (images,) = probe.arrays.values()
    np.testing.assert_array_equal(images, VALUES)
    assert images.dtype == np.float32
    assert probe.ids.tolist() == list("abcd")
    assert probe.labels.tolist() == [0, 1, 0, 1]
    assert probe.samples == 4


def test_any_file_of_numpy(tmp_path):
    np.save(tmp_path / "x.npy", VALUES)
    np.savez(tmp_path / "x.npz", left=VALUES, right=VALUES.astype(np.uint8))
    assert read_probe_inputs(tmp_path / "x.npy").samples == 4
    assert set(read_probe_inputs(tmp_path / "x.npz").arrays) == {"left", "right"}


def test_the_digest_is_that_of_the_values(tmp_path):
    def digest(**arrays):
        np.savez(tmp_path / "x.npz", **arrays)
        return read_probe_inputs(tmp_path / "x.npz").digest()

    assert digest(x=VALUES) == digest(x=VALUES.copy())
    others = {digest(y=VALUES), digest(x=VALUES + 1), digest(x=VALUES.reshape(4, 3, 1))}
    assert len(others | {digest(x=VALUES), digest(x=VALUES.astype(np.float64))}) == 5


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.array([[1.0, np.nan], [0.0, 1.0]])}, "'x' holds NaN or infinity in sample 0"),
        ({"x": np.array([[1.0], [-np.inf]])}, "'x' holds NaN or infinity in sample 1"),
        ({"ids": np.arange(3)}, "holds no array of inputs"),
        ({"x": VALUES, "ids": np.arange(3)}, "different numbers of samples: 4 in 'x', 3 in 'ids'"),
        ({"x": VALUES, "ids": np.array([1, 1, 2, 3])}, "the same id for several samples"),
        ({"x": np.float32(3)}, "'x' has no samples"),
        ({"x": VALUES[:0]}, "'x' has no samples"),
        ({"x": VALUES[:1]}, "has one sample; representations are compared over at least two"),
        ({"x": VALUES.astype(np.complex64)}, "'x' is complex64; use real numbers"),
        ({"x": np.array([[object()]])}, "damaged, or not a NumPy file .*allow_pickle=False"),
    ],
)
def test_what_models_cannot_be_shown_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "probe.npz", **arrays)
    with pytest.raises(ValueError, match=message) as refusal:
        read_probe_inputs(tmp_path / "probe.npz")
    assert str(tmp_path / "probe.npz") in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_not_a_numpy_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no probe set at .*none\.npz"):
        read_probe_inputs(tmp_path / "none.npz")
    (tmp_path / "x.txt").write_text("1 2 3")
    with pytest.raises(ValueError, match=r"must be an \.npz or \.npy file of NumPy"):
        read_probe_inputs(tmp_path / "x.txt")
    for name in ("x.npz", "x.npy"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 no archive")
        with pytest.raises(ValueError, match=f"{name} is damaged, or not a NumPy file"):
            read_probe_inputs(tmp_path / name)
