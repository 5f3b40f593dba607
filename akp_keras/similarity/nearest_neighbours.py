"""The nearest neighbours of samples, with equally near ones in an order that says nothing."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from akp_keras.similarity.arithmetic import product
from akp_keras.similarity.centring import uncentred
from akp_keras.similarity.factors import Factors, once
from akp_keras.similarity.far_samples import bulk_centred
from akp_keras.similarity.pair_distances import directions, squared_distance_panel

METRICS = ("cosine", "euclidean", "inner")
_BLOCK_ENTRIES = 2**23

_BlockOf: TypeAlias = Callable[[int, int], tuple[np.ndarray, np.ndarray]]


def neighbours(factors: Factors, k: int, metric: str) -> np.ndarray:
    """Return the k nearest other samples of every sample, nearest first.

    Args:
        factors: of the representation.
        k: how many, less than n.
        metric: "cosine" (without centring), "euclidean" or "inner" (product, without centring).

    Returns:
        (n, k) int32 indices. A sample is never its own neighbour, also where others equal it.
        Equally near samples come in random order, from a seed that is a hash of the values: two
        representations with the same ties do not agree by the order of their samples.

    Raises:
        ValueError: if there are too few samples.
    """
    if k >= factors.samples:
        raise ValueError(
            f"representation {factors.name!r} has {factors.samples} samples, which have at most "
            f"{factors.samples - 1} neighbours; k={k} is too large"
        )
    # Fewer neighbours are the first of more.
    enough = min(max(k, 16), factors.samples - 1)
    return _nearest(factors, enough, metric)[:, :k]


@once
def _nearest(factors: Factors, k: int, metric: str) -> np.ndarray:
    n = factors.samples
    nearest = np.empty((n, k), dtype=np.int32)
    block_of = _apart(factors, metric)
    height = int(np.clip(_BLOCK_ENTRIES // n, 16, 256))
    for start in range(0, n, height):
        stop = min(start + height, n)
        apart, rounding = block_of(start, stop)
        apart[np.arange(stop - start), np.arange(start, stop)] = np.inf

        def seed(start: int = start) -> list[int]:
            return [_content_hash(factors), start]

        nearest[start:stop] = _nearest_of_block(apart, rounding, k, seed)
    return nearest


def _apart(factors: Factors, metric: str) -> _BlockOf:
    """Return a function of some samples, from one number up to another.

    It returns (m, n) how far these and all are apart, smaller is nearer, and (m, n) how much of
    that is rounding.
    """
    if factors.kind == "dissimilarities":
        return functools.partial(_precomputed_apart, factors.values)
    if metric == "inner":
        return functools.partial(_products_apart, uncentred(factors)[0], bulk_centred(factors))
    rows = directions(factors) if metric == "cosine" else bulk_centred(factors)
    return functools.partial(_distances_apart, rows, np.einsum("ij,ij->i", rows, rows))


def _precomputed_apart(matrix: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    apart = np.array(matrix[start:stop], dtype=np.float64)
    return apart, 1e-10 * np.abs(apart)


def _products_apart(
    rows: np.ndarray, others: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take negative products with samples less what all share, which is the same for all."""
    some = rows[start:stop]
    norms = np.outer(np.linalg.norm(some, axis=1), np.linalg.norm(others, axis=1))
    return -product(some, others.T), 1e-14 * norms


def _distances_apart(
    rows: np.ndarray, squares: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    apart = squared_distance_panel(rows, squares, start, product(rows[start:stop], rows.T))
    # Of sums that cancel to a thousandth.
    return apart, 1e-10 * apart


@once
def _content_hash(factors: Factors) -> int:
    """Return a number that equal representations share, and hardly any others."""
    # Adding zero makes −0 the 0 that it equals.
    values = np.ascontiguousarray(factors.values, dtype=np.float64) + 0.0
    return int.from_bytes(hashlib.blake2b(values, digest_size=16).digest(), "big")


def _nearest_of_block(
    apart: np.ndarray, rounding: np.ndarray, k: int, seed: Callable[[], list[int]]
) -> np.ndarray:
    """Return the k nearest of every row, nearest first.

    Ties are broken by numbers drawn for each pair of samples. Broken by the samples' index, as
    sorting does, two representations would agree on neighbours that neither of them prefers.

    Args:
        apart: (m, n) how far apart two samples are, infinite for a sample and itself.
        rounding: (m, n) entries that differ by no more than this are equal.
        k: how many, less than n.
        seed: of what is drawn; called where there are ties.

    Returns:
        (m, k) indices.
    """
    # One more than asked for: a tie of the last one with the next is a tie.
    some = np.argpartition(apart, k, axis=1)[:, : k + 1]
    values = np.take_along_axis(apart, some, axis=1)
    order = np.argsort(values, axis=1)
    some = np.take_along_axis(some, order, axis=1)
    values = np.take_along_axis(values, order, axis=1)
    tied = _equal_to_next(values, np.take_along_axis(rounding, some, axis=1)).any(axis=1)
    nearest = some[:, :k]
    if tied.any():
        # Drawn for all rows, so that what a row gets does not depend on the others.
        keys = np.random.default_rng(seed()).random(apart.shape)[tied]
        nearest[tied] = _randomly_ordered(apart[tied], rounding[tied], keys)[:, :k]
    return nearest


def _equal_to_next(values: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """Say of (m, l) ascending values whether each is the next one's equal, (m, l − 1)."""
    return np.diff(values, axis=1) <= np.maximum(rounding[:, :-1], rounding[:, 1:])


def _randomly_ordered(apart: np.ndarray, rounding: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return indices that sort rows, equal values by their keys from 0 to 1."""
    order = np.argsort(apart, axis=1)
    values = np.take_along_axis(apart, order, axis=1)
    equal = _equal_to_next(values, np.take_along_axis(rounding, order, axis=1))
    place = np.zeros(apart.shape)
    np.cumsum(~equal, axis=1, out=place[:, 1:])
    place += np.take_along_axis(keys, order, axis=1)
    return np.take_along_axis(order, np.argsort(place, axis=1), axis=1)
