"""The records that every data source returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Samples in a fixed order.

    Attributes:
        inputs: (n, h, w, c) images or (n, d) measurements, float32, without preprocessing
            (images from 0 to 255), which is part of the model.
        labels: (n,) int64, from 0 to classes - 1.
        ids: (n,) str, unique within the data set and stable from run to run.
    """

    inputs: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True)
class DataSet:
    """A data set and its splits.

    Attributes:
        name: the name by which it was loaded.
        description: a sentence on the data, which tells if it is synthetic.
        class_names: one name per class, in the order of the labels.
        train: the samples for training.
        validation: the samples on which training is watched; none is in `train`.
        test: the samples for generalisation; none is in `train` or `validation`.
    """

    name: str
    description: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class ProbeSet:
    """The fixed, ordered samples on which representations are taken.

    Attributes:
        ids: (n,) str, unique.
        inputs: (n, h, w, c) or (n, d) float32, without preprocessing.
        labels: (n,) int64.
        class_names: one name per class.
    """

    ids: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
