"""Distance correlation (Székely, Rizzo and Bakirov 2007; Székely and Rizzo 2014)."""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.kernels import KernelGram
from akp_keras.similarity.measure import Measure, Template
from akp_keras.similarity.statistic import Tile, cosine


def _root(statistic: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.sqrt(np.clip(statistic, 0.0, 1.0))


def _distance_correlation() -> Measure:
    return Measure(
        Declaration(
            title="Distance correlation",
            formula="√(⟨A, B⟩ / (‖A‖ ‖B‖)), A = H D H of Euclidean distances D",
            reference="Székely, Rizzo and Bakirov 2007, Ann. Statist. 35, definition 3",
            cost="n²",
            larger_is_more_similar=True,
            range=(0.0, 1.0),
            invariances=invariant_to("O S T"),
            distances=("squared_chord",),
            metric=True,
            hilbertian=True,
            self_value=1.0,
        ),
        KernelGram("distance"),
        _root,
    )


def _bias_corrected() -> Measure:
    return Measure(
        Declaration(
            title="Squared distance correlation, bias-corrected",
            formula="⟨Ã, B̃⟩ / (‖Ã‖ ‖B̃‖), Ã the U-centred Euclidean distances",
            reference="Székely and Rizzo 2014, Ann. Statist. 42, eq. 3.3",
            cost="n²",
            larger_is_more_similar=True,
            range=(-1.0, 1.0),
            invariances=invariant_to("O S T"),
            distances=("chord", "angle"),
            metric=True,
            hilbertian=True,
            self_value=1.0,
            min_samples=4,
        ),
        KernelGram("distance", debiased=True),
        cosine,
    )


MEASURES = (
    Template("distance_correlation", _distance_correlation),
    Template("distance_correlation.squared.debiased", _bias_corrected),
)
