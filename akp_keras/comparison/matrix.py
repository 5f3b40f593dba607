"""A similarity matrix of members, as it stands in `similarity/<layer>/<measure>.npz`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SimilarityMatrix:
    """All pairs of members at one layer under one measure.

    Attributes:
        layer: name of the tapped layer.
        measure: id of the measure, for example `cka.linear`.
        members: names `<family>/<seed>` in the order of rows and columns.
        values: (M, M) float64, the measure itself.
        distances: (M, M) float64, the measure's declared distance form, zero on the diagonal.
        samples: n, the number of probe samples.
        features: (M,) int64, the number of features of each member after the spatial policy.
        ranks: (M,) int64, the numerical rank of each centred representation.
    """

    layer: str
    measure: str
    members: tuple[str, ...]
    values: np.ndarray
    distances: np.ndarray
    samples: int
    features: np.ndarray
    ranks: np.ndarray
