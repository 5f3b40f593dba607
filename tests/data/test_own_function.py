"""Data of functions and of NumPy archives, which have the same keys."""

import numpy as np
import pytest
from PIL import Image

from akp_keras.data import fingerprint, load_dataset

MODULE = """
import keras
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
X = rng.integers(0, 256, (60, 6, 6, 3)).astype(np.uint8)
Y = np.arange(60) % 3


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 6

    def __getitem__(self, number):
        rows = slice(10 * number, 10 * number + 10)
        return X[rows], Y[rows]


def pair(): return X, Y
def tensors(): return tf.constant(X), tf.constant(Y)
def arrays(): return {"inputs": X, "labels": Y}
def dataset(): return tf.data.Dataset.from_tensor_slices((X, Y)).batch(7)
def batches(): return Batches()
def shuffled(): return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(60).batch(7)
def published(): return (X[:45], Y[:45, None]), (X[45:], Y[45:, None])
def random(): return np.random.normal(size=(40, 3)), np.arange(40) % 2
def own():
    from akp_keras.data import DataSet, Split
    parts = [Split(X[r], Y[r], np.arange(60)[r].astype(str)) for r in np.split(np.arange(60), 3)]
    return DataSet("mine", "Mine.", ("a", "b", "c"), *parts)


def endless(): return dataset().repeat()
def unbatched(): return dataset().unbatch()
def inputs_alone(): return tf.data.Dataset.from_tensor_slices(X).batch(7)
def nothing(): return None
def three(): return X, Y, Y
def broken(): raise KeyError("no\\nkey")
def leaves(): raise SystemExit("bye")
def wants(path): return pair()
def fails_inside():
    return dataset().map(lambda x, y: (x, tf.debugging.check_numerics(tf.zeros(7) / 0, "bad")))


def keys(): return {"inputs": X, "label": Y}
def missing(): return {"inputs": X}
def no_test(): return {"x_train": X, "y_train": Y}
"""


@pytest.fixture(scope="module", autouse=True)
def module(tmp_path_factory):
    """A module of the user, in the current folder."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_test_data.py").write_text(MODULE)
    (folder / "own_test_broken.py").write_text("import no_such_package_at_all\n")
    (folder / "own_test_syntax.py").write_text("def load(:\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


def assert_equal(first, second):
    assert first.class_names == second.class_names
    for name in ("train", "validation", "test"):
        for part in ("inputs", "labels", "ids"):
            one, other = (getattr(getattr(d, name), part) for d in (first, second))
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


@pytest.mark.parametrize("function", ["tensors", "arrays", "dataset", "batches"])
def test_what_a_function_returns_may_have_many_forms(function):
    assert_equal(
        load_dataset(f"own_test_data:{function}", seed=3),
        load_dataset("own_test_data:pair", seed=3),
    )


def test_a_folder_an_archive_and_a_function_of_the_same_arrays_are_equal(module, monkeypatch):
    own = __import__("own_test_data")
    names = ("a", "b", "c")
    order = np.argsort(own.Y, kind="stable")
    ids = [f"{names[own.Y[row]]}/{row:02d}.png" for row in order]
    for row, identity in zip(order, ids, strict=True):
        (module / "images" / identity).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(own.X[row]).save(module / "images" / identity)
    arrays = {
        "inputs": own.X[order],
        "labels": own.Y[order],
        "ids": np.array(ids),
        "class_names": np.array(names),
    }
    np.savez(module / "images.npz", **arrays)
    monkeypatch.setattr(own, "with_ids", lambda: arrays, raising=False)
    loaded = [
        load_dataset(name, seed=1)
        for name in ("folder:images", "npz:images.npz", "own_test_data:with_ids")
    ]
    assert_equal(loaded[0], loaded[1])
    assert_equal(loaded[0], loaded[2])


def test_published_splits_are_kept_as_those_of_keras_are():
    own, loaded = __import__("own_test_data"), load_dataset("own_test_data:published")
    rows = [int(identity.removeprefix("test-")) + 44 for identity in loaded.test.ids]
    assert sorted(rows) == list(range(45, 60))
    np.testing.assert_array_equal(loaded.test.inputs, own.X[rows])
    np.testing.assert_array_equal(loaded.test.labels, own.Y[rows])


def test_a_data_set_of_this_package_keeps_its_splits():
    loaded = load_dataset("own_test_data:own")
    assert (loaded.name, loaded.description) == ("own_test_data:own", "Mine.")
    assert sorted(map(int, loaded.validation.ids)) == list(range(20, 40))


@pytest.mark.parametrize("function", ["random", "shuffled"])
def test_global_random_numbers_follow_from_the_seed(function):
    name = f"own_test_data:{function}"
    assert_equal(load_dataset(name, seed=5), load_dataset(name, seed=5))


def test_the_fingerprint_is_of_the_source(module):
    before = fingerprint("own_test_data:pair")
    assert before == fingerprint("own_test_data:published")
    (module / "own_test_data.py").write_text(MODULE + "# changed\n")
    assert fingerprint("own_test_data:pair") != before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("own_test_data:nothing", "returns cannot be used: it is a NoneType; return a DataSet"),
        ("own_test_data:three", "it is a tuple of 3 items"),
        ("own_test_data:broken", "own_test_data:broken raised KeyError: 'no.*key'"),
        ("own_test_data:leaves", "raised SystemExit: bye"),
        ("own_test_data:wants", "requires the argument 'path'"),
        ("own_test_data:endless", r"without end; leave out repeat\(\)"),
        ("own_test_data:unbatched", r"single samples; add .batch\(256\)"),
        ("own_test_data:inputs_alone", r"an element is a ndarray, not \(inputs, labels\)"),
        ("own_test_data:fails_inside", "reading it raised InvalidArgumentError"),
        ("own_test_data:keys", "unknown key 'label'; did you mean 'labels'"),
        ("own_test_data:missing", "there is no labels"),
        ("own_test_data:no_test", "there is no x_test and no y_test"),
        ("own_test_data:pairs", "has no function 'pairs'; did you mean 'pair'"),
        ("own_test_data:X", "has no function 'X'"),
        ("own_test_dat:pair", "there is no module 'own_test_dat', neither installed nor below"),
        ("no_package_at_all.data:pair", "there is no module 'no_package_at_all.data'"),
        ("own_test_broken:load", "raised ModuleNotFoundError: No module named 'no_such_package"),
        ("own_test_syntax:load", "importing module 'own_test_syntax' raised SyntaxError"),
    ],
)
def test_functions_that_cannot_be_used_are_refused_in_one_line(name, message):
    with pytest.raises(ValueError, match=message) as refusal:
        load_dataset(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no file .*data.npz"),
        (b"text", "is not a NumPy archive"),
        ({"inputs": np.ones((9, 2))}, "there is no labels"),
        ({"x": np.ones((9, 2)), "y": np.ones(9)}, "unknown key 'x'"),
        ({"x_train": np.ones((9, 2)), "y_train": np.ones(9)}, "there is no x_test and no y_test"),
        ({"inputs": np.array([None] * 9), "labels": np.ones(9)}, "is not a NumPy archive"),
    ],
)
def test_archives_that_cannot_be_used_are_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "data.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.savez(path, **content)
    with pytest.raises(ValueError, match=message) as refusal:
        load_dataset(f"npz:{path}")
    assert "\n" not in str(refusal.value)
