"""Low-rank factors of a network's Gram matrix of the probe samples, small enough for a page."""

from __future__ import annotations

import numpy as np

from akp_keras.tensorboard.page_contents import SampleFactor

MOST_FACTORS = 8
MOST_SAMPLES = 2048


def sample_factor(
    layer: str, member: str, representation: np.ndarray, factors: int = MOST_FACTORS
) -> SampleFactor:
    """Return the leading factor F of a representation's Gram matrix: F·Fᵀ is close to it.

    The Gram matrix K = X·Xᵀ of the centred representation X, divided by its Frobenius norm, is
    what linear CKA compares: CKA of two members is the sum of the products of their K. Its leading
    eigenvectors, each times the square root of its eigenvalue, are the best approximation of that
    rank (Eckart and Young, Psychometrika 1, 1936). The F·Fᵀ of two members can be subtracted
    although each network has its own axes, because a rotation of X does not change K.

    Args:
        layer: name of the layer.
        member: name of the member.
        representation: (n, …) finite real numbers, 2 ≤ n ≤ 2048; what follows the first axis is
            flattened.
        factors: maximum number of columns, from 1 to 8.

    Returns:
        The factor, with fewer columns where the representation has a lower rank. Each column's
        largest entry in absolute value is positive.

    Raises:
        ValueError: if the shape or a value is out of range, or all samples are represented alike.
    """
    if not 1 <= factors <= MOST_FACTORS:
        raise ValueError(f"factors must be from 1 to {MOST_FACTORS}, not {factors}")
    rows = _checked(representation, f"{member} at {layer}")
    rows = rows - rows.mean(axis=0)
    largest = np.abs(rows).max(initial=0.0)
    if largest == 0:
        raise ValueError(f"{member} represents all samples alike at {layer}")
    rows /= largest
    values, vectors = _eigenpairs_of_gram(rows)
    values = values / np.linalg.norm(values)
    # Eigenvalues below the rounding of the decomposition have arbitrary directions.
    rank = int((values > np.finfo(np.float64).eps * len(rows) * values[0]).sum())
    leading = values[: min(rank, factors)]
    factor = vectors[:, : len(leading)] * np.sqrt(leading)
    signs = np.sign(factor[np.abs(factor).argmax(axis=0), np.arange(factor.shape[1])])
    return SampleFactor(
        layer=layer,
        member=member,
        factor=(factor * signs).astype(np.float16),
        kept=float(min(1.0, (leading**2).sum())),
    )


def _checked(representation: np.ndarray, whose: str) -> np.ndarray:
    array = np.asarray(representation, dtype=np.float64)
    if array.ndim < 2 or not 2 <= len(array) <= MOST_SAMPLES or not array.size:
        raise ValueError(
            f"{whose}: a representation needs 2 to {MOST_SAMPLES} samples and one feature or "
            f"more, not the shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{whose}: the representation holds NaN or infinity")
    return array.reshape(len(array), -1)


def _eigenpairs_of_gram(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues, descending, and eigenvectors of rows · rowsᵀ, by the smaller product."""
    samples, features = rows.shape
    if samples <= features:
        values, vectors = np.linalg.eigh(rows @ rows.T)
        return np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    values, directions = np.linalg.eigh(rows.T @ rows)
    values, directions = np.maximum(values[::-1], 0.0), directions[:, ::-1]
    lengths = np.sqrt(values)
    projected = rows @ directions
    vectors = np.divide(projected, lengths, out=np.zeros_like(projected), where=lengths > 0)
    return values, vectors
