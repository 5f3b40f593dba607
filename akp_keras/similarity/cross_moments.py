"""Sums over samples from which linear HSIC of all pairs follows, biased and unbiased."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from akp_keras.similarity.arithmetic import block_sums, product
from akp_keras.similarity.far_samples import FAR, MOST_FAR, centre, hollow_gram


class CrossMoments:
    """Sums of products of M representations, batch after batch.

    Values are taken relative to where most samples of the first batch are, so that a large mean
    cancels before anything is squared. Samples that lie far from there are kept, up to 256, and
    what they contribute is summed apart (see `far_samples`).

    Args:
        arrays: M arrays (b, p) of the first batch, which is not added yet.

    Attributes:
        widths: p of each representation.
        samples: how many came so far.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.widths = [values.shape[1] for values in arrays]
        self.samples = 0
        self._shift = np.concatenate([centre(values) for values in arrays])
        self._starts = np.concatenate([[0], np.cumsum(self.widths)[:-1]])
        squares = self._squares(np.concatenate(arrays, axis=1) - self._shift)
        self._typical = np.median(squares, axis=0)
        total, members = int(np.sum(self.widths)), len(arrays)
        self._far = np.empty((0, total))
        self._near = 0
        self._sum = np.zeros(total)
        self._cross = np.zeros((total, total))
        self._square_sums = np.zeros(members)
        self._square_products = np.zeros((members, members))
        self._square_by_value = np.zeros((members, total))

    def add(self, arrays: Sequence[np.ndarray]) -> None:
        """Take a batch."""
        values = np.concatenate(arrays, axis=1) - self._shift
        self.samples += len(values)
        values = np.concatenate([self._far, values])
        distances = self._relative(self._squares(values))
        is_far = distances > FAR
        if is_far.sum() > MOST_FAR:
            is_far &= distances >= np.partition(distances, -MOST_FAR)[-MOST_FAR]
        self._far = values[is_far]
        self._add_near(values[~is_far])

    def products(self, *, debiased: bool) -> np.ndarray:
        """Return (M, M) ‖XcᵀYc‖²_F of all pairs, or with U-centred Gram matrices."""
        if not debiased:
            return self._block_sums(np.square(self._centred_cross()))
        n, mean = self.samples, self._sum / max(self._near, 1)
        far = self._far - mean
        cross = self._cross - self._near * np.outer(mean, mean)
        lengths, products, by_value = self._centred_squares(mean, cross)
        # s, the sums of the rows of a Gram matrix without its diagonal, of near samples
        # xᵢ·total − aᵢ, where near samples sum to zero.
        total = far.sum(axis=0)
        by_total = np.add.reduceat(by_value * total, self._starts, axis=1)
        near_sums = (
            self._block_sums(cross * np.outer(total, total)) - by_total - by_total.T + products
        )
        hollow = np.stack([hollow_gram(rows) for rows in np.split(far, self._starts[1:], axis=1)])
        far_sums = hollow.sum(axis=2)
        totals = far_sums.sum(axis=1) - lengths
        return (
            (self._block_sums(np.square(cross)) - products)
            + self._block_sums(2.0 * cross * (far.T @ far))
            + np.tensordot(hollow, hollow, axes=([1, 2], [1, 2]))
            + np.outer(totals, totals) / ((n - 1) * (n - 2))
            - 2.0 / (n - 2) * (near_sums + far_sums @ far_sums.T)
        )

    def ranks(self) -> np.ndarray:
        """Return (M,) numerical ranks, from covariances: at no less than √ε of the largest."""
        ranks = []
        for block in self._own_blocks():
            spectrum = np.linalg.eigvalsh(block)
            ranks.append(int(np.sum(spectrum > 1e-12 * max(spectrum[-1], 0.0))))
        return np.array(ranks, dtype=np.int64)

    def participations(self) -> np.ndarray:
        """Return (M,) the participation ratios (tr K)² / tr K² of centred Gram matrices."""
        blocks = self._own_blocks()
        return np.array([np.trace(block) ** 2 / np.square(block).sum() for block in blocks])

    def _add_near(self, values: np.ndarray) -> None:
        squares = self._squares(values)
        self._near += len(values)
        self._sum += values.sum(axis=0)
        self._cross += product(values.T, values)
        self._square_sums += squares.sum(axis=0)
        self._square_products += squares.T @ squares
        self._square_by_value += product(squares.T, values)

    def _squares(self, values: np.ndarray) -> np.ndarray:
        """Return (b, M) squared norms of (b, Σp) samples."""
        return np.add.reduceat(np.square(values), self._starts, axis=1)

    def _relative(self, squares: np.ndarray) -> np.ndarray:
        """Return (b,) how many times a typical square the largest of M squares is."""
        known = self._typical > 0.0
        if not known.any():
            return np.zeros(len(squares))
        return (squares[:, known] / self._typical[known]).max(axis=1)

    def _block_sums(self, table: np.ndarray) -> np.ndarray:
        return block_sums(table, self.widths, self.widths)

    def _centred_cross(self) -> np.ndarray:
        sums = self._sum + self._far.sum(axis=0)
        cross = self._cross + product(self._far.T, self._far)
        return cross - np.outer(sums, sums) / self.samples

    def _own_blocks(self) -> list[np.ndarray]:
        cross = self._centred_cross()
        stops = np.append(self._starts[1:], len(cross))
        return [cross[i:j, i:j] for i, j in zip(self._starts, stops, strict=True)]

    def _centred_squares(
        self, mean: np.ndarray, cross: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return sums over near samples of squared norms a about their mean.

        With a = s − 2 z·μ + ‖μ‖², s and z the squared norm and the values before centring.

        Args:
            mean: (Σp,) μ.
            cross: (Σp, Σp) centred about it.

        Returns:
            (M,) Σ a, (M, M) Σ a b, and (M, Σp) Σ a y.
        """
        m = self._near
        mean_squares = np.add.reduceat(np.square(mean), self._starts)
        # by_mean[x, y] = Σᵢ sˣᵢ (zʸᵢ · μʸ), mean_cross[x, y] = Σᵢ (zˣᵢ · μˣ)(zʸᵢ · μʸ).
        by_mean = np.add.reduceat(self._square_by_value * mean, self._starts, axis=1)
        mean_cross = self._block_sums(self._cross * np.outer(mean, mean))
        outer = np.outer(self._square_sums, mean_squares)
        products = (
            self._square_products
            - 2.0 * by_mean
            - 2.0 * by_mean.T
            + 4.0 * mean_cross
            + outer
            + outer.T
            - 3.0 * m * np.outer(mean_squares, mean_squares)
        )
        of_mean = np.add.reduceat(mean[:, None] * cross, self._starts, axis=0)
        by_value = self._square_by_value - np.outer(self._square_sums, mean) - 2.0 * of_mean
        return self._square_sums - m * mean_squares, products, by_value
