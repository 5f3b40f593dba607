"""Factors of one representation, each computed once for all measures that need it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dpotrf

from akp_keras.similarity.arithmetic import (
    gram_panels,
    gram_triangle,
    product,
    square_sum,
)
from akp_keras.similarity.nearest_neighbours import nearest
from akp_keras.similarity.scratch import Scratch
from akp_keras.similarity.threads import blas_threads


class Factors:
    """The factors of one representation; each is computed at its first use and then shared.

    Attributes:
        name: the representation's name, for messages.
        values: (n, p) as given, of any real dtype.
        samples: n.
        features: p.
        precision: dtype of the factors, float64, or float32 in the float32 mode.
        given_labels: (n,) the samples' classes, or None.
        scratch: memory for large arrays. What is made of these factors may lie in it, and is
            valid until the scratch is given to the next ones.
    """

    def __init__(
        self,
        values: np.ndarray,
        name: str,
        precision: str = "float64",
        labels: np.ndarray | None = None,
        scratch: Scratch | None = None,
    ) -> None:
        if values.shape[0] < 2 or values.shape[1] < 1:
            raise ValueError(
                f"representation {name!r} has shape {values.shape}; at least two samples "
                "and one feature are needed"
            )
        finite = np.isfinite(values)
        if not finite.all():
            finite = finite.all(axis=1)
            raise ValueError(
                f"representation {name!r} holds NaN or infinite values in {np.sum(~finite)} "
                f"samples, the first of them at row {int(np.argmin(finite))}"
            )
        self.name = name
        self.values = values
        self.samples, self.features = values.shape
        self.precision = np.dtype(precision)
        self.given_labels = labels
        self.scratch = Scratch() if scratch is None else scratch
        self._neighbours: dict[str, np.ndarray] = {}

    def degenerate(self, reason: str) -> ValueError:
        """The error for a representation on which a measure is not defined."""
        return ValueError(f"representation {self.name!r} is degenerate: {reason}")

    @cached_property
    def constant(self) -> bool:
        """Whether every sample has the same values."""
        # Nearly always the last sample differs from the first.
        same = (self.values[-1] == self.values[0]).all()
        return bool(same and (self.values == self.values[:1]).all())

    @cached_property
    def resolution(self) -> float:
        """Singular values below this fraction of the largest are rounding of the input.

        max(n, p)·ε of the input's dtype, as in `numpy.linalg.matrix_rank`; float32 for integers
        and for narrower floats, since what was computed in float32 is noise below that.
        """
        kind = self.values.dtype
        epsilon = np.finfo(kind if kind in (np.float32, np.float64) else np.float32).eps
        return float(max(self.samples, self.features) * epsilon)

    @cached_property
    def _centred(self) -> tuple[np.ndarray, float, float]:
        """The column-centred values divided by a factor, their norm, and that factor."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            centred = self._less_column_means(self.values)
            square = square_sum(centred)
        if 1e-200 < square < 1e200:
            return centred, square**0.5, 1.0
        # Squares would overflow or vanish. A power of two, since dividing by it is exact; then
        # the largest magnitude of what is left, which may be far smaller than the values were.
        values = np.asarray(self.values, dtype=np.float64)
        largest = max(float(values.max()), -float(values.min()))
        power = 2.0 ** np.clip(np.floor(np.log2(largest)), -1020, 1020) if largest else 1.0
        centred = self._less_column_means(values / power)
        scale = max(float(centred.max()), -float(centred.min()))
        if scale > 0.0:
            centred /= scale
        return centred, float(np.linalg.norm(centred)), scale * power

    def _less_column_means(self, values: np.ndarray) -> np.ndarray:
        centred = self.scratch.take("centred", values.shape)
        np.subtract(values, values.mean(axis=0, dtype=np.float64), out=centred)
        # The mean of many large numbers is rounded; a second pass takes off what the first left.
        centred -= centred.mean(axis=0)
        # A feature that never changes is exactly zero, not the rounding of its mean.
        (suspects,) = np.nonzero(self.values[0] == self.values[-1])
        if len(suspects):
            constant = (self.values[:, suspects] == self.values[0, suspects]).all(axis=0)
            centred[:, suspects[constant]] = 0.0
        return centred

    @cached_property
    def norm(self) -> float:
        """‖Xc‖_F, the Frobenius norm of the column-centred representation."""
        _, norm, factor = self._centred
        return norm * factor

    @cached_property
    def unit(self) -> np.ndarray:
        """(n, p) Xc / ‖Xc‖_F: column-centred in float64, of Frobenius norm 1."""
        if self.constant:
            raise self.degenerate("every sample has the same values, so it has no variance")
        centred, norm, factor = self._centred
        if norm != 1.0:
            # In place: nothing else has the centred values.
            centred /= norm
            self._centred = (centred, 1.0, factor * norm)
        return _frozen(centred.astype(self.precision, copy=False))

    @cached_property
    def gram_triangle(self) -> np.ndarray:
        """(n, n) upper triangle of `gram`, zero below the diagonal."""
        return _frozen(gram_triangle(self.unit))

    def gram_panels(self) -> Iterable[np.ndarray]:
        """`gram_triangle` a few rows at a time, see `arithmetic.gram_panels`."""
        return [self.gram_triangle] if "gram_triangle" in self.__dict__ else gram_panels(self.unit)

    @cached_property
    def gram(self) -> np.ndarray:
        """(n, n) centred linear Gram matrix of trace 1: `unit` times its transpose."""
        return _frozen(_mirrored(self.gram_triangle))

    @cached_property
    def svd(self) -> tuple[np.ndarray, np.ndarray]:
        """(U, s) of `unit` = U diag(s) Vᵀ up to its numerical rank: (n, r) and (r,)."""
        return self._decompose(self.unit)

    def _decompose(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.features > self.samples:
            # U and s of X are those of Rᵀ where Xᵀ = QR, which is no larger than n × n.
            matrix = np.linalg.qr(matrix.T, mode="r").T
        left, values, _ = np.linalg.svd(matrix, full_matrices=False)
        rank = int(np.sum(values > self._tolerance * values[0]))
        return _frozen(left[:, :rank]), _frozen(values[:rank])

    @cached_property
    def raw(self) -> tuple[np.ndarray, float]:
        """(n, p) X / ‖X‖_F as it is, without centring, and ‖X‖_F."""
        values = np.asarray(self.values, dtype=np.float64)
        largest = float(np.abs(values).max())
        if not largest > 0.0:
            raise self.degenerate("every value is zero")
        values = values / largest
        norm = float(np.linalg.norm(values))
        values /= norm
        return _frozen(values.astype(self.precision, copy=False)), norm * largest

    @cached_property
    def raw_svd(self) -> tuple[np.ndarray, np.ndarray]:
        """(U, s) of `raw`, without centring, up to its numerical rank: (n, r) and (r,)."""
        return self._decompose(self.raw[0])

    @cached_property
    def squared_distances(self) -> np.ndarray:
        """(n, n) squared Euclidean distances of the samples, in units of ‖Xc‖²_F."""
        return _frozen(_squared_distances(self.unit, self.gram))

    @cached_property
    def distances(self) -> np.ndarray:
        """(n, n) Euclidean distances of the samples, in units of ‖Xc‖_F."""
        return _frozen(np.sqrt(self.squared_distances))

    @cached_property
    def median_distance(self) -> float:
        """The median distance of two different samples, in units of ‖Xc‖_F."""
        median = float(np.median(self.distances[np.triu_indices(self.samples, 1)]))
        if not median > 0.0:
            raise self.degenerate(
                "more than half of its pairs of samples are equal, so that its median distance is 0"
            )
        return median

    @cached_property
    def row_directions(self) -> np.ndarray:
        """(n, p) every sample divided by its norm, without centring."""
        norms = np.linalg.norm(self.raw[0], axis=1)
        if not norms.all():
            raise self.degenerate(
                f"sample {int(np.argmin(norms))} is zero in every feature, so it has no direction"
            )
        return _frozen(self.raw[0] / norms[:, None])

    @cached_property
    def cosines(self) -> np.ndarray:
        """(n, n) cosines of the samples, without centring."""
        return _frozen(np.clip(product(self.row_directions, self.row_directions.T), -1.0, 1.0))

    @cached_property
    def row_correlations(self) -> np.ndarray:
        """(n, n) Pearson correlations of the samples over features."""
        raw = self.raw[0]
        centred = raw - raw.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(centred, axis=1)
        least = int(np.argmin(norms))
        if (self.values[least] == self.values[least, 0]).all():
            raise self.degenerate(
                f"sample {least} has the same value in every feature, so it correlates with nothing"
            )
        centred /= norms[:, None]
        return _frozen(np.clip(product(centred, centred.T), -1.0, 1.0))

    @cached_property
    def standardised(self) -> np.ndarray:
        """(n, p′) features of zero mean and unit norm; those that never change are left out."""
        norms = np.linalg.norm(self.unit, axis=0)
        return _frozen(self.unit[:, norms > 0.0] / norms[norms > 0.0])

    def neighbours(self, k: int, metric: str) -> np.ndarray:
        """The k nearest other samples of every sample, nearest first.

        Args:
            k: how many, less than n.
            metric: "cosine" (without centring), "euclidean" or "inner" (product, without
                centring).

        Returns:
            (n, k) int32 indices. A sample is never its own neighbour, also where others equal it.
            Equally near ones come in random order, see `nearest_neighbours.nearest`.
        """
        if k >= self.samples:
            raise ValueError(
                f"representation {self.name!r} has {self.samples} samples, which have at most "
                f"{self.samples - 1} neighbours; k={k} is too large"
            )
        known = self._neighbours.get(metric)
        if known is None or known.shape[1] < k:
            known = nearest(*self._apart(metric), k, self._content_hash)
            self._neighbours[metric] = known
        return known[:, :k]

    def _apart(self, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """How far apart samples are, smaller is nearer, and how much of it is rounding."""
        rounding = 1e-14 if self.precision == np.float64 else 1e-6
        if metric == "cosine":
            apart = -self.cosines
            rounding = np.broadcast_to(rounding, apart.shape)
        elif metric == "euclidean":
            apart = self.squared_distances.copy()
            # Sums cancel to a millionth at most (`_squared_distances`).
            rounding = apart * max(rounding, 1e-9)
        else:
            apart = -product(self.raw[0], self.raw[0].T)
            norms = np.linalg.norm(self.raw[0], axis=1)
            rounding = rounding * np.outer(norms, norms)
        np.fill_diagonal(apart, np.inf)
        return apart, rounding

    def _content_hash(self) -> int:
        """A number that equal representations share, and hardly any others."""
        # Adding zero makes −0 the 0 that it equals.
        values = np.ascontiguousarray(self.values, dtype=np.float64) + 0.0
        return int.from_bytes(hashlib.blake2b(values, digest_size=16).digest(), "big")

    @cached_property
    def log_probabilities(self) -> np.ndarray:
        """(n, classes) log-softmax of the values taken as logits."""
        logits = np.asarray(self.values, dtype=np.float64)
        logits = logits - logits.max(axis=1, keepdims=True)
        return _frozen(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))

    @cached_property
    def predictions(self) -> np.ndarray:
        """(n,) the class of the largest logit."""
        return np.argmax(self.values, axis=1)

    @cached_property
    def labels(self) -> np.ndarray:
        """(n,) the samples' classes."""
        if self.given_labels is None:
            raise ValueError("a measure of errors needs labels= with the samples' classes")
        if self.given_labels.shape != (self.samples,):
            raise ValueError(
                f"labels have shape {self.given_labels.shape}; representation {self.name!r} "
                f"needs ({self.samples},)"
            )
        kind = self.given_labels.dtype.kind
        if kind not in "iub" and not (
            kind == "f" and (self.given_labels == np.floor(self.given_labels)).all()
        ):
            raise ValueError(
                f"labels have dtype {self.given_labels.dtype}; whole numbers from 0 to "
                f"{self.features - 1} are needed, the columns of {self.name!r}"
            )
        low, high = self.given_labels.min(), self.given_labels.max()
        if low < 0 or high >= self.features:
            raise ValueError(
                f"labels go from {low} to {high}; {self.name!r} has logits of the classes 0 to "
                f"{self.features - 1}"
            )
        return self.given_labels

    @property
    def _tolerance(self) -> float:
        return max(self.resolution, max(self.samples, self.features) * np.finfo(self.precision).eps)

    @cached_property
    def rank(self) -> int:
        """Numerical rank of the centred representation, at `resolution` and at the precision's."""
        if self.constant:
            return 0
        if "svd" in self.__dict__:
            return len(self.svd[1])
        if self._has_full_rank():
            return min(self.features, self.samples - 1)
        if self._tolerance**2 < self._rounding_of_eigenvalues:
            values = np.linalg.svd(self.unit, compute_uv=False)
            return int(np.sum(values > self._tolerance * values[0]))
        unit = self.unit.astype(np.float64, copy=False)
        spectrum = np.linalg.eigvalsh(
            gram_triangle(unit.T if self.features <= self.samples else unit), UPLO="U"
        )
        return int(np.sum(spectrum > self._tolerance**2 * spectrum[-1]))

    @property
    def _rounding_of_eigenvalues(self) -> float:
        """How far those of a Gram matrix may be off, as a fraction of the largest.

        They lose half of the digits of singular values.
        """
        return 64 * self.samples * np.finfo(np.float64).eps

    def _has_full_rank(self) -> bool:
        """Whether as many singular values as there can be are above the tolerance.

        A Cholesky factor says so, at a fraction of the cost of eigenvalues: the squared singular
        values of `unit` sum to 1, so none is larger. Rows of it, and columns, only make them
        smaller when they are left out: what some of them show need not be asked of all. The rows
        sum to zero, so that one of them follows from the others.
        """
        independent = self.unit.T if self.features < self.samples else self.unit[:-1]
        count, length = independent.shape
        enough = count + count // 8 + 16
        return (enough < length and self._are_independent(independent[:, :enough])) or (
            self._are_independent(independent)
        )

    def _are_independent(self, vectors: np.ndarray) -> bool:
        """Whether all eigenvalues of the Gram matrix of these rows are above the tolerance."""
        count = len(vectors)
        triangle = self.scratch.take("vectors", (count, count))
        gram_triangle(vectors.astype(np.float64, copy=False), out=triangle)
        triangle[np.diag_indices(count)] -= max(self._tolerance**2, self._rounding_of_eigenvalues)
        # SciPy's BLAS has threads of its own, which would be in the way of NumPy's.
        with blas_threads(1):
            # In LAPACK's order of columns the transpose has its lower triangle filled.
            _, failed = dpotrf(triangle.T, lower=1, clean=0, overwrite_a=1)
        return failed == 0

    @cached_property
    def rotation_factor(self) -> np.ndarray:
        """(n, r), of norm 1, with the Gram matrix of `unit`, so that both differ by a rotation.

        r is smaller than p where samples differ in fewer directions. Of float32 values directions
        are left out where all of them together are within the rounding of these values: the
        factor is then that of a representation which could as well have been rounded to this one.
        """
        if self._tolerance**2 < self._rounding_of_eigenvalues:
            if self.rank == self.features:
                return self.unit
            left, values = self.svd
            return _frozen(left * values)
        if self.features < self.samples and self.rank == self.features:
            return self.unit
        rows = self.unit.astype(np.float64, copy=False)
        if self.features > self.samples:
            # X and Rᵀ have the same Gram matrix where Xᵀ = QR.
            rows = np.linalg.qr(rows.T, mode="r").T
        spectrum, directions = np.linalg.eigh(gram_triangle(rows.T), UPLO="U")
        kept = directions[:, spectrum > self._rounding_of_eigenvalues * spectrum[-1]]
        if kept.shape[1] < rows.shape[1]:
            factor = product(rows, kept)
            left_out = square_sum(rows - product(factor, kept.T)) ** 0.5
            if left_out <= 2.0**-24 * self.raw[1] / self.norm:
                rows = factor / square_sum(factor) ** 0.5
        return _frozen(rows.astype(self.precision, copy=False))


def _squared_distances(rows: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Squared distances by one product, with those of near neighbours taken from differences."""
    squares = np.diagonal(gram)
    sums = squares[:, None] + squares[None, :]
    squared = sums - 2.0 * gram
    # Where the sum cancels to less than a millionth, rounding of the product would be seen.
    near, other = np.nonzero(np.triu(squared < 1e-6 * sums, 1))
    for start in range(0, len(near), 4096):
        i, j = near[start : start + 4096], other[start : start + 4096]
        exact = np.square(rows[i] - rows[j]).sum(axis=1)
        squared[i, j] = exact
        squared[j, i] = exact
    np.fill_diagonal(squared, 0.0)
    return squared


def _mirrored(triangle: np.ndarray) -> np.ndarray:
    """The symmetric matrix of an upper triangle that is zero below the diagonal."""
    matrix = triangle + triangle.T
    matrix[np.diag_indices(len(matrix))] = np.diagonal(triangle)
    return matrix


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
