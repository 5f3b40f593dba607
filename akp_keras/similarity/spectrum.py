"""Singular values and numerical ranks, and factors with as few columns as directions matter."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
from scipy.linalg.lapack import dpotrf

from akp_keras.similarity.arithmetic import gram_triangle, product, square_sum
from akp_keras.similarity.centring import constant, norm, resolution, uncentred, unit
from akp_keras.similarity.factors import Factors, once
from akp_keras.similarity.threads import blas_threads


@once
def svd(factors: Factors) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, r) U and (r,) s of `unit` = U diag(s) Vᵀ, up to its numerical rank."""
    return _decompose(factors, unit(factors))


@once
def uncentred_svd(factors: Factors) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, r) U and (r,) s of `uncentred`, up to its numerical rank."""
    return _decompose(factors, uncentred(factors)[0])


def _decompose(factors: Factors, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if factors.features > factors.samples:
        # U and s of X are those of Rᵀ where Xᵀ = QR, which is no larger than n × n.
        matrix = np.linalg.qr(matrix.T, mode="r").T
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    kept = int(np.sum(values > resolution(factors) * values[0]))
    return left[:, :kept], values[:kept]


@once
def rank(factors: Factors) -> int:
    """Count the directions of the centred representation that are above its `resolution`."""
    if constant(factors):
        return 0
    if factors.has(svd):
        return len(svd(factors)[1])
    if _has_full_rank(factors):
        return min(factors.features, factors.samples - 1)
    if _singular_values_are_needed(factors):
        values = np.linalg.svd(unit(factors), compute_uv=False)
        return int(np.sum(values > resolution(factors) * values[0]))
    rows = unit(factors)
    spectrum = np.linalg.eigvalsh(
        gram_triangle(rows.T if factors.features <= factors.samples else rows), UPLO="U"
    )
    return int(np.sum(spectrum > resolution(factors) ** 2 * spectrum[-1]))


def _singular_values_are_needed(factors: Factors) -> bool:
    return resolution(factors) ** 2 < _rounding_of_eigenvalues(factors)


def _rounding_of_eigenvalues(factors: Factors) -> float:
    """Bound how far those of a Gram matrix may be off, as a fraction of the largest.

    They lose half of the digits of singular values.
    """
    return 64 * factors.samples * np.finfo(np.float64).eps


def _has_full_rank(factors: Factors) -> bool:
    """Say whether as many singular values as there can be are above the resolution.

    A Cholesky factor says so, at a fraction of the cost of eigenvalues: the squared singular
    values of `unit` sum to 1, so none is larger. Rows of it, and columns, only make them smaller
    when they are left out: what some of them show need not be asked of all. The rows sum to zero,
    so that one of them follows from the others.
    """
    rows = unit(factors)
    independent = rows.T if factors.features < factors.samples else rows[:-1]
    count, length = independent.shape
    enough = count + count // 8 + 16
    return (enough < length and _are_independent(factors, independent[:, :enough])) or (
        _are_independent(factors, independent)
    )


def _are_independent(factors: Factors, vectors: np.ndarray) -> bool:
    """Say whether all eigenvalues of the Gram matrix of these rows are above the resolution."""
    count = len(vectors)
    triangle = factors.scratch.take("vectors", (count, count))
    gram_triangle(vectors, out=triangle)
    least = max(resolution(factors) ** 2, _rounding_of_eigenvalues(factors))
    triangle[np.diag_indices(count)] -= least
    # SciPy's BLAS has threads of its own, which would be in the way of NumPy's; of small matrices
    # it makes no use of them.
    with blas_threads(1) if count > 128 else nullcontext():
        # In LAPACK's order of columns the transpose has its lower triangle filled.
        _, failed = dpotrf(triangle.T, lower=1, clean=0, overwrite_a=1)
    return failed == 0


@once
def rotation_factor(factors: Factors) -> np.ndarray:
    """Return (n, r), of norm 1, with the Gram matrix of `unit`: both differ by a rotation.

    r is smaller than p where samples differ in fewer directions. Of float32 values directions are
    left out where all of them together are within the rounding of these values: the factor is then
    that of a representation which could as well have been rounded to this one.
    """
    if _singular_values_are_needed(factors):
        if rank(factors) == factors.features:
            return unit(factors)
        left, values = svd(factors)
        return left * values
    if factors.features < factors.samples and rank(factors) == factors.features:
        return unit(factors)
    rows = unit(factors)
    if factors.features > factors.samples:
        # X and Rᵀ have the same Gram matrix where Xᵀ = QR.
        rows = np.linalg.qr(rows.T, mode="r").T
    spectrum, directions = np.linalg.eigh(gram_triangle(rows.T), UPLO="U")
    kept = directions[:, spectrum > _rounding_of_eigenvalues(factors) * spectrum[-1]]
    if kept.shape[1] < rows.shape[1]:
        factor = product(rows, kept)
        left_out = square_sum(rows - product(factor, kept.T)) ** 0.5
        if left_out <= 2.0**-24 * uncentred(factors)[1] / norm(factors):
            rows = factor / square_sum(factor) ** 0.5
    return rows
