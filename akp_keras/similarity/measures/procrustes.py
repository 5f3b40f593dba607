"""Orthogonal Procrustes: how far two representations are after the best rotation.

Only the nuclear norm ‖XcᵀYc‖_* is needed, for which representations of different widths need no
padding: Ding et al. 2021 (arXiv 2108.01661), Williams et al. 2021 (arXiv 2110.14739).
"""

from __future__ import annotations

import math

import numpy as np

from akp_keras.similarity.declaration import Declaration, invariant_to
from akp_keras.similarity.nuclear_norm import NuclearNorm
from akp_keras.similarity.registry import Measure, Template
from akp_keras.similarity.statistic import Tile


def _angle(table: np.ndarray, left: Tile, right: Tile) -> np.ndarray:
    return np.arccos(np.clip(table, 0.0, 1.0))


def _angular() -> Measure:
    return Measure(
        Declaration(
            title="Angular Procrustes distance",
            formula="arccos(‖XcᵀYc‖_* / (‖Xc‖_F ‖Yc‖_F))",
            reference="Williams et al. 2021, arXiv 2110.14739, eq. 3 (angular shape distance)",
            cost="r³",
            larger_is_more_similar=False,
            range=(0.0, math.pi / 2),
            invariances=invariant_to("O S T"),
            distances=("itself",),
            metric=True,
            self_value=0.0,
        ),
        NuclearNorm(),
        _angle,
    )


MEASURES = (Template("procrustes.angular", _angular),)
