"""Real images of handwritten digits, shipped with scikit-learn.

Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits" (UCI Machine Learning Repository,
1998): the 1,797 images of its test set, of 8 × 8 pixels with 17 levels of grey.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from akp_keras.data.records import DataSet
from akp_keras.data.samples import Samples
from akp_keras.data.splitting import make_dataset


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load 1,797 images, (8, 8, 1) from 0 to 16; arguments as in `akp_keras.data.load_dataset`.

    Ids are `digit-0001` to `digit-1797`, in the order of the file.
    """
    bunch = load_digits()
    ids = np.array([f"digit-{row:04d}" for row in range(1, len(bunch.target) + 1)])
    return make_dataset(
        name,
        "Handwritten digits: 1,797 real images of 8 × 8 pixels, the digits 0 to 9.",
        {"train": Samples(bunch.images, bunch.target, ids)},
        seed=seed,
        max_samples=max_samples,
    )
