import numpy as np
from sklearn.datasets import load_digits

from akp_keras.data import load_dataset


def test_images_and_labels_are_those_of_the_published_file():
    dataset, published, rows = load_dataset("digits"), load_digits(), []
    for split in (dataset.train, dataset.validation, dataset.test):
        of_split = [int(identity.removeprefix("digit-")) - 1 for identity in split.ids]
        np.testing.assert_array_equal(split.inputs[..., 0], published.images[of_split])
        np.testing.assert_array_equal(split.labels, published.target[of_split])
        rows += of_split
    assert sorted(rows) == list(range(1797))
    assert dataset.class_names == tuple("0123456789")
