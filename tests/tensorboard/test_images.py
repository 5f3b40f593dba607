import io

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.report.families import style_families
from akp_keras.tensorboard.images import matrix_image

MEMBERS = ("control/0", "control/1", "shock/0", "shock/1")


def pixels_of(summary):
    png = summary.value[0].tensor.string_val[2]
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize("measure", ["cka.linear", "procrustes.angular"])
def test_bright_is_alike_whether_the_measure_is_a_similarity_or_a_distance(measure):
    distances = np.array([[0, 1, 8, 9], [1, 0, 9, 8], [8, 9, 0, 4], [9, 8, 4, 0]]) / 10.0
    values = distances if measure == "procrustes.angular" else 1 - distances
    sizes = np.full(4, 3)
    matrix = SimilarityMatrix("dense", measure, MEMBERS, values, distances, 5, sizes, sizes)
    image = pixels_of(matrix_image("x", matrix, style_families(["control", "shock"], "control")))
    ends = {
        name: (image == colormaps["viridis"](place, bytes=True)[:3]).all(axis=-1)
        for name, place in (("dark", 0.0), ("bright", 1.0))
    }
    # The diagonal and the closest pair are alike: 6 cells of 16; the farthest pair's 4 are dark.
    assert ends["bright"].sum() / ends["dark"].sum() == pytest.approx(6 / 4, rel=0.1)
