import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akp_keras.data import DataSet, ProbeSet, Split, read_probe, take_probe_set, write_probe


def dataset_with(counts):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    inputs = np.arange(len(labels), dtype=np.float32)[:, None] * np.ones(3, np.float32)
    ids = np.array([f"s{i}" for i in range(len(labels))])
    test = Split(inputs=inputs, labels=labels.astype(np.int64), ids=ids)
    empty = Split(inputs=inputs[:0], labels=test.labels[:0], ids=ids[:0])
    names = tuple(f"class {i}" for i in range(len(counts)))
    return DataSet("made", "Made for tests.", names, empty, empty, test)


def probe(n=4, **changes):
    made = ProbeSet(
        ids=np.array([f"id {i}" for i in range(n)]),
        inputs=np.random.default_rng(0).random((n, 5, 5, 3)).astype(np.float32),
        labels=np.arange(n, dtype=np.int64) % 2,
        class_names=("benign", "mäßig"),
    )
    return dataclasses.replace(made, **changes)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=5), st.integers(1, 60), st.integers(0, 9))
def test_a_probe_set_is_balanced_and_taken_from_the_test_split(counts, size, seed):
    dataset = dataset_with(counts)
    wanted = [len(range(first, size, len(counts))) for first in range(len(counts))]
    most = min(counts) * len(counts)
    if most < 8:
        with pytest.raises(ValueError, match="has at least 8 test samples"):
            take_probe_set(dataset, size, seed)
        return
    if any(want > have for want, have in zip(wanted, counts, strict=True)):
        with pytest.raises(ValueError, match=f"take at most {most}$"):
            take_probe_set(dataset, size, seed)
        size = most
        wanted = [min(counts)] * len(counts)
    taken = take_probe_set(dataset, size, seed)
    assert len(taken.ids) == len(set(taken.ids)) == size
    assert np.bincount(taken.labels, minlength=len(counts)).tolist() == wanted
    place = {identity: row for row, identity in enumerate(dataset.test.ids)}
    rows = [place[identity] for identity in taken.ids]
    np.testing.assert_array_equal(taken.inputs, dataset.test.inputs[rows])
    np.testing.assert_array_equal(taken.labels, dataset.test.labels[rows])


def test_the_same_seed_gives_the_same_samples_in_the_same_order():
    dataset = dataset_with([40, 50])
    first, again = (take_probe_set(dataset, 20, seed=3) for _ in range(2))
    other = take_probe_set(dataset, 20, seed=4)
    assert first.ids.tolist() == again.ids.tolist()
    assert first.ids.tolist() != other.ids.tolist()


def test_classes_are_mixed():
    labels = take_probe_set(dataset_with([100, 100]), 100, seed=0).labels
    assert 20 < np.count_nonzero(np.diff(labels)) < 80


def test_says_how_large_a_probe_set_may_be():
    with pytest.raises(ValueError, match=r"7 test samples per class.*4 of 'class 1'; .* at most 8"):
        take_probe_set(dataset_with([10, 4]), 14, seed=0)
    assert len(take_probe_set(dataset_with([10, 4]), 8, seed=0).ids) == 8
    with pytest.raises(ValueError, match=r"at least 8 test samples, and made has 3 of 'class 1'"):
        take_probe_set(dataset_with([10, 3]), 6, seed=0)
    with pytest.raises(ValueError, match="must be at least 1"):
        take_probe_set(dataset_with([10, 4]), 0, seed=0)


@pytest.mark.parametrize(
    ("counts", "size"), [([64, 107], 128), ([500, 300], 256), ([26] * 10, 256), ([25] * 10, 250)]
)
def test_by_default_a_probe_set_is_as_large_as_the_rarest_class_allows(counts, size):
    taken = take_probe_set(dataset_with(counts), None, seed=0)
    assert len(taken.ids) == size
    assert np.ptp(np.bincount(taken.labels)) <= 1


@pytest.mark.parametrize("inputs", [np.ones((4, 6)), np.ones((4, 5, 5, 3))])
def test_reads_what_was_written(tmp_path, inputs):
    written = probe(inputs=inputs.astype(np.float32))
    write_probe(tmp_path / "probe.npz", written)
    read = read_probe(tmp_path / "probe.npz")
    np.testing.assert_array_equal(read.ids, written.ids)
    np.testing.assert_array_equal(read.inputs, written.inputs)
    np.testing.assert_array_equal(read.labels, written.labels)
    assert read.class_names == written.class_names
    assert read.inputs.dtype == np.float32
    assert read.labels.dtype == np.int64


def test_the_archive_has_the_documented_keys(tmp_path):
    write_probe(tmp_path / "probe.npz", probe())
    with np.load(tmp_path / "probe.npz") as archive:
        assert sorted(archive.files) == ["class_names", "ids", "images", "labels"]


def test_the_same_probe_set_gives_the_same_bytes(tmp_path, monkeypatch):
    write_probe(tmp_path / "a.npz", probe())
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    write_probe(tmp_path / "b.npz", probe())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "probe.npz"
    write_probe(path, probe())
    before = path.read_bytes()

    def full_disk(file, **_):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_probe(path, probe(6))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_file_keeps_it_whole(tmp_path):
    path = tmp_path / "probe.npz"
    write_probe(path, probe())
    old = path.read_bytes()
    (tmp_path / "opened earlier").hardlink_to(path)
    write_probe(path, probe(6))
    assert (tmp_path / "opened earlier").read_bytes() == old
    assert len(read_probe(path).ids) == 6


def test_refuses_to_write_a_probe_set_that_contradicts_itself(tmp_path):
    with pytest.raises(ValueError, match="more than once"):
        write_probe(tmp_path / "probe.npz", probe(ids=np.array(["a", "b", "a", "c"])))
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no probe set at .*probe\.npz"):
        read_probe(tmp_path / "probe.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": None}, "lacks ids"),
        ({"images": None, "labels": None}, "lacks images, labels"),
        ({"ids": np.array(["a", "a", "b", "c"])}, "'a' occurs more than once"),
        ({"labels": np.array([0, 1, 0])}, "4 ids, 4 images and 3 labels"),
        ({"labels": np.array([0, 1, 0, 2])}, "2 class names"),
        ({"labels": np.array([0, -1, 0, 1])}, "2 class names"),
        ({"labels": np.array([0.0, 1.0, 0.0, 1.0])}, "not integers"),
        ({"labels": np.array(1)}, "one row per sample"),
        ({"labels": np.zeros((4, 1), int)}, "one row per sample"),
        ({"images": np.array(["a", "b", "c", "d"])}, "not numbers"),
        ({"images": np.array([[1.0], [2.0], [np.nan], [3.0]])}, "not finite"),
        ({"ids": np.array(["a", "b", None, "c"], dtype=object)}, "is not a probe set"),
        (
            {
                "ids": np.array([], str),
                "images": np.empty((0, 2)),
                "labels": np.array([], int),
            },
            "no sample",
        ),
    ],
)
def test_a_damaged_archive_is_refused_in_one_line(tmp_path, changes, message):
    whole = probe()
    arrays = {
        "ids": whole.ids,
        "images": whole.inputs,
        "labels": whole.labels,
        "class_names": np.array(whole.class_names),
    }
    arrays = {key: value for key, value in {**arrays, **changes}.items() if value is not None}
    np.savez(tmp_path / "probe.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read_probe(tmp_path / "probe.npz")
    assert "\n" not in str(caught.value)
    assert "probe.npz" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 500, 1100])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, keep):
    path = tmp_path / "probe.npz"
    write_probe(path, probe())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="is not a probe set") as caught:
        read_probe(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"text, not an archive", b"\x80\x04pickle", b"PK\x03\x04"])
def test_another_kind_of_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "probe.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is not a probe set") as caught:
        read_probe(path)
    assert "\n" not in str(caught.value)


def test_a_single_array_is_refused(tmp_path):
    with (tmp_path / "probe.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="is not a probe set"):
        read_probe(tmp_path / "probe.npz")


def test_a_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "probe.npz"
    write_probe(path, probe())
    content = bytearray(path.read_bytes())
    content[content.find(b"images.npy") + 400] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="CRC"):
        read_probe(path)
