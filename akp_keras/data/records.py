"""The plain data that every data source gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Samples in a fixed order.

    Attributes:
        inputs: (n, h, w, c) images or (n, d) measurements, float32, as the data set gives them
            (images from 0 to 255): preprocessing belongs to the model.
        labels: (n,) int64, from 0 to classes - 1.
        ids: (n,) str, unique within the data set and stable from run to run.
    """

    inputs: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True)
class DataSet:
    """A data set, split.

    Attributes:
        name: the name under which it was asked for.
        description: one sentence for people; says so where the data is synthetic.
        class_names: one name a class, in the order of the labels.
        train: the samples to learn from.
        validation: those on which learning is watched; none is in `train`.
        test: those on which generalisation is measured; none is in `train` or `validation`.
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
        inputs: (n, h, w, c) or (n, d) float32, as the data set gives them.
        labels: (n,) int64.
        class_names: one name a class.
    """

    ids: np.ndarray
    inputs: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
