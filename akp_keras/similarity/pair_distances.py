"""How far pairs of samples are apart: hollow vectors (see `packing`), shared by measures."""

from __future__ import annotations

import numpy as np

from akp_keras.similarity.arithmetic import gram_panels
from akp_keras.similarity.centring import norm, uncentred
from akp_keras.similarity.factors import Factors, once
from akp_keras.similarity.far_samples import bulk_centred
from akp_keras.similarity.packing import hollow_length, stretches
from akp_keras.similarity.scratch import let_go


@once
def squared_distances(factors: Factors) -> np.ndarray:
    """Return (n(n − 1)/2,) squared distances, in units of `unit_of_distance` squared."""
    if factors.kind == "dissimilarities":
        return np.square(precomputed(factors))
    return _squared_distances(factors, "squared distances", bulk_centred(factors))


def unit_of_distance(factors: Factors) -> float:
    """Return ‖Xc‖_F; 1 of precomputed distances."""
    return norm(factors) if factors.kind == "features" else 1.0


@once
def precomputed(factors: Factors) -> np.ndarray:
    """Return (n(n − 1)/2,) the dissimilarities that stand for a representation."""
    return np.asarray(factors.values, dtype=np.float64)[np.triu_indices(factors.samples, 1)]


@once
def cosine_dissimilarities(factors: Factors) -> np.ndarray:
    """Return (n(n − 1)/2,) 1 − cos of samples without centring: half of ‖u − v‖² of directions."""
    return _between_directions(factors, "cosine dissimilarities", directions(factors))


@once
def correlation_dissimilarities(factors: Factors) -> np.ndarray:
    """Return (n(n − 1)/2,) 1 − the Pearson correlation of samples over features."""
    rows = uncentred(factors)[0]
    # Features may differ in offset alone by far more than samples differ.
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    least = int(np.argmin(norms))
    if (factors.values[least] == factors.values[least, 0]).all():
        raise factors.degenerate(
            f"sample {least} has the same value in every feature, so it correlates with nothing"
        )
    centred /= norms[:, None]
    centred -= centred.mean(axis=0)
    return _between_directions(factors, "correlation dissimilarities", centred)


def _between_directions(factors: Factors, name: str, rows: np.ndarray) -> np.ndarray:
    hollow = _squared_distances(factors, name, rows / np.sqrt(2.0))
    for stretch in stretches(hollow):
        # Equal directions differ by the rounding of their components.
        stretch[stretch < (16.0 * np.finfo(np.float64).eps) ** 2] = 0.0
    return hollow


@once
def positive_norms(factors: Factors) -> np.ndarray:
    """Return (n,) the norms of the samples of `uncentred`, of which none may be zero."""
    norms = np.linalg.norm(uncentred(factors)[0], axis=1)
    if not norms.all():
        raise factors.degenerate(
            f"sample {int(np.argmin(norms))} is zero in every feature, so it has no direction"
        )
    return norms


@once
def directions(factors: Factors) -> np.ndarray:
    """Return (n, p) every sample divided by its norm, minus the mean of these directions."""
    rows = uncentred(factors)[0] / positive_norms(factors)[:, None]
    rows -= rows.mean(axis=0)
    return rows


def squared_distance_panel(
    rows: np.ndarray, squares: np.ndarray, start: int, products: np.ndarray
) -> np.ndarray:
    """Make squared distances of products, with those of near neighbours taken from differences.

    Args:
        rows: (n, p) samples.
        squares: (n,) their squared norms.
        start: the number of the first row of the panel.
        products: (m, k) products of the rows from `start` on with the last k rows; overwritten.

    Returns:
        (m, k) squared distances; zero between a sample and itself.
    """
    count, width = products.shape
    first = len(rows) - width
    sums = squares[start : start + count, None] + squares[None, first:]
    panel = products
    panel *= -2.0
    panel += sums
    # Where the sum cancels to less than a thousandth, rounding of the product would be seen.
    near, other = np.nonzero(panel < 1e-3 * sums)
    chunk = max(2**20 // rows.shape[1], 1)
    for begin in range(0, len(near), chunk):
        i, j = near[begin : begin + chunk], other[begin : begin + chunk]
        panel[i, j] = np.square(rows[start + i] - rows[first + j]).sum(axis=1)
    return panel


def _squared_distances(factors: Factors, name: str, rows: np.ndarray) -> np.ndarray:
    n = factors.samples
    hollow = factors.scratch.take(name, (hollow_length(n),))
    squares = np.einsum("ij,ij->i", rows, rows)
    start, begin = 0, 0
    for products in gram_panels(rows):
        panel = squared_distance_panel(rows, squares, start, products)
        for i, values in enumerate(panel, start=1):
            stop = begin + len(values) - i
            hollow[begin:stop] = values[i:]
            begin = stop
        start += len(panel)
        let_go(hollow)
    return hollow
