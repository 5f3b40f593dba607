"""Factors of one representation, each computed once for all measures that need it."""

from __future__ import annotations

from functools import cached_property

import numpy as np


class Factors:
    """The factors of one representation; each is computed at its first use and then shared.

    Attributes:
        name: the representation's name, for messages.
        values: (n, p) as given, of any real dtype.
        samples: n.
        features: p.
        precision: dtype of the factors, float64, or float32 in the float32 mode.
    """

    def __init__(self, values: np.ndarray, name: str, precision: str = "float64") -> None:
        if values.shape[0] < 2 or values.shape[1] < 1:
            raise ValueError(
                f"representation {name!r} has shape {values.shape}; at least two samples "
                "and one feature are needed"
            )
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"representation {name!r} holds NaN or infinite values in {np.sum(~finite)} "
                f"samples, the first of them at row {int(np.argmin(finite))}"
            )
        self.name = name
        self.values = values
        self.samples, self.features = values.shape
        self.precision = np.dtype(precision)

    def degenerate(self, reason: str) -> ValueError:
        """The error for a representation on which a measure is not defined."""
        return ValueError(f"representation {self.name!r} is degenerate: {reason}")

    @cached_property
    def constant(self) -> bool:
        """Whether every sample has the same values."""
        return bool((self.values == self.values[:1]).all())

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
    def scale(self) -> float:
        """The largest magnitude of the centred values."""
        return self._centred_and_scale[1]

    @cached_property
    def _centred_and_scale(self) -> tuple[np.ndarray, float]:
        values = np.asarray(self.values, dtype=np.float64)
        # A power of two, so that dividing by it is exact; squares of what remains cannot overflow.
        largest = float(np.abs(values).max())
        power = 2.0 ** np.clip(np.floor(np.log2(largest)), -1020, 1020) if largest else 1.0
        centred = values / power
        centred -= centred.mean(axis=0)
        # The mean of many large numbers is rounded; a second pass takes off what the first left.
        centred -= centred.mean(axis=0)
        # A feature that never changes is exactly zero, not the rounding of its mean.
        centred[:, (self.values == self.values[:1]).all(axis=0)] = 0.0
        scale = float(np.abs(centred).max())
        if scale > 0.0:
            centred /= scale
        return centred, scale * power

    @cached_property
    def norm(self) -> float:
        """‖Xc‖_F, the Frobenius norm of the column-centred representation."""
        centred, scale = self._centred_and_scale
        return float(np.linalg.norm(centred)) * scale

    @cached_property
    def unit(self) -> np.ndarray:
        """(n, p) Xc / ‖Xc‖_F: column-centred in float64, of Frobenius norm 1."""
        if self.constant:
            raise self.degenerate("every sample has the same values, so it has no variance")
        centred, _ = self._centred_and_scale
        return _frozen((centred / np.linalg.norm(centred)).astype(self.precision, copy=False))

    @cached_property
    def gram(self) -> np.ndarray:
        """(n, n) centred linear Gram matrix of trace 1: `unit` times its transpose."""
        return _frozen(self.unit @ self.unit.T)

    @cached_property
    def svd(self) -> tuple[np.ndarray, np.ndarray]:
        """(U, s) of `unit` = U diag(s) Vᵀ up to its numerical rank: (n, r) and (r,)."""
        unit = self.unit
        if self.features > self.samples:
            # U and s of X are those of Rᵀ where Xᵀ = QR, which is no larger than n × n.
            unit = np.linalg.qr(unit.T, mode="r").T
        left, values, _ = np.linalg.svd(unit, full_matrices=False)
        rank = int(np.sum(values > self._tolerance * values[0]))
        return _frozen(left[:, :rank]), _frozen(values[:rank])

    @property
    def _tolerance(self) -> float:
        return max(self.resolution, max(self.samples, self.features) * np.finfo(self.precision).eps)

    @cached_property
    def rank(self) -> int:
        """Numerical rank of the centred representation, at `resolution`."""
        if self.constant:
            return 0
        if "svd" in self.__dict__:
            return len(self.svd[1])
        return int(np.sum(self._spectrum > self._tolerance**2 * self._spectrum[-1]))

    @cached_property
    def _spectrum(self) -> np.ndarray:
        """Squared singular values of `unit`, ascending."""
        if self._tolerance**2 < 64 * self.samples * np.finfo(np.float64).eps:
            # Too fine for eigenvalues, which lose half of the digits of singular values.
            return np.linalg.svd(self.unit, compute_uv=False)[::-1] ** 2
        unit = self.unit.astype(np.float64, copy=False)
        small = unit.T @ unit if self.features <= self.samples else unit @ unit.T
        return np.linalg.eigvalsh(small)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array
