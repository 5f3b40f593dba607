import io

import numpy as np
import pytest
from PIL import Image

from akp_keras.data.records import ProbeSet
from akp_keras.tensorboard.page_pictures import MOST_PICTURES, draw_pictures


def a_probe(inputs):
    count = len(inputs)
    return ProbeSet(
        ids=np.array([f"cell-{index}" for index in range(count)]),
        inputs=inputs,
        labels=np.arange(count) % 2,
        class_names=("benign", "malignant"),
    )


def test_every_picture_lies_where_the_page_looks_for_it():
    images = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3)).astype(np.float32)
    found = draw_pictures(a_probe(images))
    assert found.ids == tuple(f"cell-{index}" for index in range(11))
    assert found.labels[:3] == ("benign", "malignant", "benign")
    assert found.pictured == 11
    sheet = np.asarray(Image.open(io.BytesIO(found.png)))
    for index, image in enumerate(images):
        row, column = (place * found.side for place in divmod(index, found.columns))
        tile = sheet[row : row + found.side, column : column + found.side]
        np.testing.assert_array_equal(tile, image)


def test_only_the_first_thousand_are_drawn_and_all_are_named():
    images = np.zeros((MOST_PICTURES + 5, 2, 2, 1), np.float32)
    found = draw_pictures(a_probe(images))
    assert found.pictured == MOST_PICTURES
    assert len(found.ids) == len(found.labels) == MOST_PICTURES + 5


def test_measurements_have_names_and_no_pictures():
    found = draw_pictures(a_probe(np.zeros((5, 30), np.float32)))
    assert (found.png, found.side, found.columns, found.pictured) == (None, 0, 0, 0)
    assert len(found.ids) == 5


def test_a_label_without_a_name_is_refused():
    probe = ProbeSet(np.array(["a"]), np.zeros((1, 4), np.float32), np.array([2]), ("no", "yes"))
    with pytest.raises(ValueError, match="class names"):
        draw_pictures(probe)
