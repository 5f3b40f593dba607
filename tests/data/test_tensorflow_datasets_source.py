from itertools import pairwise

import numpy as np
import pytest
from etils import epath
from hypothesis import given
from hypothesis import strategies as st

from akp_keras.data import load_dataset
from akp_keras.data.tensorflow_datasets_source import choose_splits

tfds = pytest.importorskip("tensorflow_datasets")


class _OfflineBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    code_path = epath.Path(__file__)  # see akp_keras/data/synthetic_cells_builder.py

    inputs = tfds.features.Tensor(shape=(3,), dtype=np.float32)
    label = tfds.features.ClassLabel(names=["no", "yes"])
    supervised = ("inputs", "label")
    counts = {"train": 50, "test": 10}  # noqa: RUF012

    def _info(self):
        return self.dataset_info_from_configs(
            description="Made for tests. It has a second sentence.",
            features=tfds.features.FeaturesDict({"inputs": self.inputs, "label": self.label}),
            supervised_keys=self.supervised,
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(n) for split, n in self.counts.items()}

    def _sample(self, number):
        return {"inputs": np.full(3, number, np.float32), "label": number % 2}

    def _generate_examples(self, count):
        yield from ((number, self._sample(number)) for number in range(count))


class AkpVectors(_OfflineBuilder):
    pass


class AkpTrainOnly(_OfflineBuilder):
    counts = {"train": 50}  # noqa: RUF012


class AkpImagesOfManySizes(_OfflineBuilder):
    inputs = tfds.features.Image(shape=(None, None, 3))

    def _sample(self, number):
        shape = (4 + number % 3, 5 + number % 2, 3)
        return {"inputs": np.full(shape, number, np.uint8), "label": number % 2}


class AkpUnpublishedLabels(_OfflineBuilder):
    def _generate_examples(self, count):
        for number in range(count):
            label = -1 if count == 10 else number % 2
            yield number, {**self._sample(number), "label": label}


class AkpWithoutSupervision(_OfflineBuilder):
    supervised = None


class AkpTexts(_OfflineBuilder):
    inputs = tfds.features.Text()


class AkpRegression(_OfflineBuilder):
    label = tfds.features.Scalar(dtype=np.float32)


class AkpOutOfReach(_OfflineBuilder):
    def _split_generators(self, dl_manager):
        raise ConnectionError("no route to host\nretried 3 times")


def rows_of(split):
    return split.inputs[:, 0].astype(int).tolist()


@pytest.fixture(scope="module")
def vectors(data_dir):
    return load_dataset("tfds:akp_vectors", data_dir=data_dir)


def test_vectors_as_published(vectors):
    assert sorted(rows_of(vectors.train) + rows_of(vectors.validation)) == list(range(50))
    assert len(vectors.validation.ids) == 5
    assert sorted(rows_of(vectors.test)) == list(range(10))
    for split in (vectors.train, vectors.validation, vectors.test):
        assert split.labels.tolist() == [row % 2 for row in rows_of(split)]
        assert split.inputs.dtype == np.float32
        assert split.labels.dtype == np.int64
    ids = np.concatenate([vectors.train.ids, vectors.validation.ids, vectors.test.ids])
    assert len(set(ids)) == 60
    assert vectors.class_names == ("no", "yes")
    assert vectors.description == "Made for tests."
    assert vectors.name == "tfds:akp_vectors"


def test_a_published_train_split_alone_is_cut_in_three(data_dir):
    dataset = load_dataset("tfds:akp_train_only", data_dir=data_dir)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split.ids) for split in splits] == [36, 4, 10]
    assert sorted(row for split in splits for row in rows_of(split)) == list(range(50))


def test_order_and_ids_do_not_change(vectors, data_dir):
    again = load_dataset("tfds:akp_vectors:1.0.0", data_dir=data_dir)
    assert vectors.train.ids.tolist() == again.train.ids.tolist()
    assert rows_of(vectors.train) == rows_of(again.train)


def test_max_samples_keeps_the_first_with_their_ids(vectors, data_dir):
    few = load_dataset("tfds:akp_vectors", data_dir=data_dir, max_samples=4)
    for kept, all_of_it in (
        (few.train, vectors.train),
        (few.validation, vectors.validation),
        (few.test, vectors.test),
    ):
        assert rows_of(kept) == rows_of(all_of_it)[:4]
        assert kept.ids.tolist() == all_of_it.ids[:4].tolist()


def test_images_are_resized_on_request(data_dir):
    dataset = load_dataset("tfds:akp_images_of_many_sizes[size=8]", data_dir=data_dir)
    assert dataset.train.inputs.shape == (45, 8, 8, 3)
    assert dataset.train.inputs.dtype == np.float32
    # Each image is of one value, which no resizing may change.
    np.testing.assert_allclose(np.ptp(dataset.train.inputs, axis=(1, 2, 3)), 0, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tfds:akp_vektors", r"no data set 'akp_vektors'; did you mean 'akp_vectors'\?"),
        ("tfds:nothing_like_any_of_them_qqq", r"'nothing_like_.*'; known are .* and \d+ more$"),
        ("tfds:akp_vectors:7.7.7", "cannot be used: .*7.7.7"),
        ("tfds:akp_vectors/small", "cannot be used: "),
        ("tfds:akp_images_of_many_sizes", r"different sizes; set one, as in '.*\[size=64\]'"),
        ("tfds:akp_images_of_many_sizes[size=0]", "1 pixel or more"),
        ("tfds:akp_vectors[size=8]", "only images can be resized"),
        ("tfds:akp_without_supervision", "which feature is the input"),
        ("tfds:akp_texts", "neither an image nor a vector"),
        ("tfds:akp_regression", "'label' is not a class label"),
        ("tfds:akp_unpublished_labels", "labels of its test split are not published"),
        ("tfds:akp_out_of_reach", "cannot be downloaded and prepared: no route to host retried"),
        ("tfds:", "cannot read data set name"),
        ("tfds:mnist[width=8]", "cannot read data set name"),
        ("tfds:somewhere:mnist", "cannot read data set name"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(data_dir, name, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_dataset(name, data_dir=data_dir)
    assert "\n" not in str(caught.value)


def test_a_failed_preparation_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="cannot be downloaded"):
        load_dataset("tfds:akp_out_of_reach", data_dir=tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} <= {"downloads"}


@given(
    st.dictionaries(st.sampled_from(["test", "validation", "extra"]), st.integers(1, 1000)),
    st.integers(10, 10_000),
)
def test_chosen_splits_never_share_a_sample(counts, train):
    counts = {**counts, "train": train}
    chosen = choose_splits("made", counts)
    assert list(chosen) == ["train", "validation", "test"]
    for published in counts:
        parts = sorted((a, b) for split, a, b in chosen.values() if split == published)
        assert all(a < b for a, b in parts)
        assert all(b <= c for (_, b), (c, _) in pairwise(parts))
        assert all(b <= counts[published] for _, b in parts)
    if "test" in counts:
        assert chosen["test"] == ("test", 0, counts["test"])
    if {"test", "validation"} <= set(counts):
        assert chosen["train"] == ("train", 0, train)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"test": 5}, "no split 'train'; it has test"),
        ({}, "no split 'train'; it has none"),
        ({"train": 2}, "too few samples"),
    ],
)
def test_refuses_splits_that_cannot_be_chosen(counts, message):
    with pytest.raises(ValueError, match=message):
        choose_splits("made", counts)
