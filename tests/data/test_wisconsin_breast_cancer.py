import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from akp_keras.data import load_dataset


@pytest.fixture(scope="module")
def dataset():
    return load_dataset("wisconsin_breast_cancer")


def splits_of(dataset):
    return dataset.train, dataset.validation, dataset.test


def test_every_sample_is_in_one_split_with_its_own_id_values_and_label(dataset):
    rows, inputs, labels = [], [], []
    for split in splits_of(dataset):
        rows += [int(identity.removeprefix("wdbc-")) - 1 for identity in split.ids]
        inputs.append(split.inputs)
        labels.append(split.labels)
    assert sorted(rows) == list(range(569))
    published = load_breast_cancer()
    np.testing.assert_array_equal(np.concatenate(inputs), published.data[rows].astype(np.float32))
    malignant = published.target_names[published.target[rows]] == "malignant"
    np.testing.assert_array_equal(np.concatenate(labels), malignant)


def test_labels_name_malignant_samples(dataset):
    assert dataset.class_names == ("benign", "malignant")
    assert sum(split.labels.sum() for split in splits_of(dataset)) == 212


def test_splits_have_the_class_shares_of_the_whole(dataset):
    for split in splits_of(dataset):
        assert split.labels.mean() == pytest.approx(212 / 569, abs=0.01)


def test_types_are_those_of_a_split(dataset):
    assert [len(split.ids) for split in splits_of(dataset)] == [341, 57, 171]
    for split in splits_of(dataset):
        assert split.inputs.dtype == np.float32
        assert split.labels.dtype == np.int64
        assert split.ids.dtype.kind == "U"


def test_the_seed_sets_the_split(dataset):
    again, other = (load_dataset("wisconsin_breast_cancer", seed=seed) for seed in (0, 1))
    assert again.test.ids.tolist() == dataset.test.ids.tolist()
    assert other.test.ids.tolist() != dataset.test.ids.tolist()


def test_max_samples_keeps_the_first(dataset):
    few = load_dataset("wisconsin_breast_cancer", max_samples=60)
    assert few.train.ids.tolist() == dataset.train.ids[:60].tolist()
    assert len(few.validation.ids) == 57
