"""The distance forms that a measure can declare."""

from __future__ import annotations

import numpy as np


def _itself(values: np.ndarray) -> np.ndarray:
    return values


def _chord(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(2.0 - 2.0 * values, 0.0))


def _angle(values: np.ndarray) -> np.ndarray:
    return np.arccos(np.clip(values, -1.0, 1.0))


def _squared_chord(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(2.0 - 2.0 * np.square(values), 0.0))


def _complement(values: np.ndarray) -> np.ndarray:
    return np.maximum(1.0 - values, 0.0)


def _root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(values, 0.0))


# name -> (function of the measure's values, how it is printed)
FORMS = {
    "itself": (_itself, "d = v"),
    "chord": (_chord, "d = √(2 − 2v)"),
    "squared_chord": (_squared_chord, "d = √(2 − 2v²)"),
    "angle": (_angle, "d = arccos v"),
    "complement": (_complement, "d = 1 − v"),
    "root": (_root, "d = √v"),
}


def to_distance(values: np.ndarray, form: str, *, is_square: bool = True) -> np.ndarray:
    """Convert a matrix of values to distances.

    Args:
        values: (R, C) values of a symmetric measure.
        form: a name of `FORMS`.
        is_square: whether columns are the rows.

    Returns:
        (R, C) float64; of a square matrix exactly symmetric with an exactly zero diagonal, NaN
        where the value of a representation with itself is NaN. A value that differs from perfect
        similarity by ε gives a chord or an angle of √(2ε), so in float64 two representations
        closer than about 2e-8 cannot be told from equal ones.
    """
    distances = np.array(FORMS[form][0](np.asarray(values, dtype=np.float64)))
    if not is_square:
        return distances
    upper = np.triu(distances, 1)
    np.fill_diagonal(distances, np.where(np.isnan(np.diagonal(values)), np.nan, 0.0))
    return np.diag(np.diagonal(distances)) + upper + upper.T
