"""Real measurements of cell nuclei from fine-needle samples, shipped with scikit-learn.

Street, Wolberg and Mangasarian, "Nuclear feature extraction for breast tumor diagnosis" (1993):
569 samples, with the mean, standard error and worst value of ten measures of their nuclei.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from akp_keras.data.records import DataSet, Split

# The test split must contain a class-balanced probe set: 64 of its samples are malignant.
_TEST_SAMPLES = 171
_VALIDATION_SAMPLES = 57


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load 569 × 30 raw measurements; arguments as in `akp_keras.data.load_dataset`.

    Ids are `wdbc-0001` to `wdbc-0569`, in the order of the file. The splits (341, 57 and 171
    samples) are stratified by class.
    """
    bunch = load_breast_cancer()
    inputs = bunch.data.astype(np.float32)
    labels = (bunch.target == list(bunch.target_names).index("malignant")).astype(np.int64)
    ids = np.array([f"wdbc-{row:04d}" for row in range(1, len(labels) + 1)])

    rest, test = train_test_split(
        np.arange(len(labels)), test_size=_TEST_SAMPLES, stratify=labels, random_state=seed
    )
    train, validation = train_test_split(
        rest, test_size=_VALIDATION_SAMPLES, stratify=labels[rest], random_state=seed
    )

    def split(rows: np.ndarray) -> Split:
        rows = rows[:max_samples]
        return Split(inputs=inputs[rows], labels=labels[rows], ids=ids[rows])

    return DataSet(
        name=name,
        description=(
            "Wisconsin diagnostic breast cancer: 30 measurements of cell nuclei of 569 real "
            "fine-needle samples, malignant against benign."
        ),
        class_names=("benign", "malignant"),
        train=split(train),
        validation=split(validation),
        test=split(test),
    )
