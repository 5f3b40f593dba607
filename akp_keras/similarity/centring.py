"""Representations centred and scaled, in float64 whatever the values' dtype."""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.arithmetic import square_sum
from akp_keras.similarity.factors import Factors, once


@once
def constant(factors: Factors) -> bool:
    """Say whether every sample has the same values."""
    values = factors.values
    # Nearly always the last sample differs from the first.
    return bool((values[-1] == values[0]).all() and (values == values[:1]).all())


@once
def resolution(factors: Factors) -> float:
    """Return the fraction of the largest singular value below which others are rounding.

    max(n, p)·ε of the input's dtype, as in `numpy.linalg.matrix_rank`; float32 for integers and
    for narrower floats, since what was computed in float32 is noise below that.
    """
    kind = factors.values.dtype
    epsilon = np.finfo(kind if kind in (np.float32, np.float64) else np.float32).eps
    return float(max(factors.samples, factors.features) * epsilon)


@once
def _unit_and_norm(factors: Factors) -> tuple[np.ndarray, float]:
    if constant(factors):
        raise factors.degenerate("every sample has the same values, so it has no variance")
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        centred = _less_column_means(factors, factors.values)
        square = square_sum(centred)
    if 1e-200 < square < 1e200:
        norm, scale = square**0.5, 1.0
    else:
        # Squares would overflow or vanish. A power of two, since dividing by it is exact; then
        # the largest magnitude of what is left, which may be far smaller than the values were.
        values = np.asarray(factors.values, dtype=np.float64)
        largest = max(float(values.max()), -float(values.min()))
        power = 2.0 ** np.clip(np.floor(np.log2(largest)), -1020, 1020) if largest else 1.0
        centred = _less_column_means(factors, values / power)
        scale = max(float(centred.max()), -float(centred.min()))
        if not scale > 0.0:
            raise factors.degenerate(
                "its samples differ by less than floats of their size can hold"
            )
        centred /= scale
        norm, scale = float(np.linalg.norm(centred)), scale * power
    centred /= norm
    return centred, float(norm * scale)


def _less_column_means(factors: Factors, values: np.ndarray) -> np.ndarray:
    centred = factors.scratch.take("centred", values.shape)
    np.subtract(values, values.mean(axis=0, dtype=np.float64), out=centred)
    # The mean of many large numbers is rounded; a second pass takes off what the first left.
    centred -= centred.mean(axis=0)
    # A feature that never changes is exactly zero, not the rounding of its mean.
    (suspects,) = np.nonzero(factors.values[0] == factors.values[-1])
    if len(suspects):
        unchanged = (factors.values[:, suspects] == factors.values[0, suspects]).all(axis=0)
        centred[:, suspects[unchanged]] = 0.0
    return centred


def unit(factors: Factors) -> np.ndarray:
    """Return (n, p) Xc / ‖Xc‖_F: column-centred, of Frobenius norm 1."""
    return _unit_and_norm(factors)[0]


def norm(factors: Factors) -> float:
    """Return ‖Xc‖_F, the Frobenius norm of the column-centred representation."""
    return _unit_and_norm(factors)[1]


def centred_and_scaled(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """Return (n, p) samples less their mean over their norm, and that norm."""
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    length = float(np.linalg.norm(centred))
    with np.errstate(divide="ignore", invalid="ignore"):
        return centred / length, length


@once
def uncentred(factors: Factors) -> tuple[np.ndarray, float]:
    """Return (n, p) X / ‖X‖_F as it is, without centring, and ‖X‖_F."""
    values = np.asarray(factors.values, dtype=np.float64)
    largest = float(np.abs(values).max())
    if not largest > 0.0:
        raise factors.degenerate("every value is zero")
    values = values / largest
    norm = float(np.linalg.norm(values))
    values /= norm
    return values, float(norm * largest)


@once
def standardised(factors: Factors) -> np.ndarray:
    """Return (n, p′) features of zero mean and unit norm, without those that never change."""
    norms = np.linalg.norm(unit(factors), axis=0)
    return unit(factors)[:, norms > 0.0] / norms[norms > 0.0]
