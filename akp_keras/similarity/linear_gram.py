"""The inner product of centred linear Gram matrices, by the cheaper of two routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from akp_keras.similarity import packing
from akp_keras.similarity.arithmetic import (
    block_sums,
    gram_panels,
    product,
    square_sum,
)
from akp_keras.similarity.centring import norm, unit
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.far_samples import bulk_centred, far_samples, hollow_gram
from akp_keras.similarity.frobenius_product import block_square_sums
from akp_keras.similarity.inner_product import InnerProduct
from akp_keras.similarity.statistic import Prepared, Statistic, Tile, stack

# Where U-centring leaves less than a share of this of a sum of squares, digits are short.
_MOST_CANCELLED = 16.0
# Where a sum is smaller than what it is the difference of by this, its digits are too few.
_MOST_UNRESOLVED = 1e6


@dataclass(frozen=True)
class LinearGram(InnerProduct):
    """The inner product of centred linear Gram matrices, by the n × n matrices.

    Attributes:
        debiased: U-centred instead of centred matrices.
    """

    starts_from: ClassVar[frozenset[str]] = frozenset({"features", "kernel"})
    preparation: ClassVar[str] = "n²p (Gram route) or np² (feature route)"
    debiased: bool = False

    @property
    def is_hollow(self) -> bool:
        """A U-centred matrix has no diagonal."""
        return self.debiased

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the participation ratio (tr K)² / tr K² too."""
        vector, factor, squares = self._packed(factors)
        prepared = self.normalised(factors, vector, factor)
        return {**prepared, "participation": np.array(1.0 / squares)}

    def vector(self, factors: Factors) -> tuple[np.ndarray, float]:
        """Return the packed matrix; √2 where the packing of a hollow matrix leaves it out."""
        return self._packed(factors)[:2]

    def _packed(self, factors: Factors) -> tuple[np.ndarray, float, float]:
        """Return the matrix, its factor, and tr K² of the matrix that is not U-centred."""
        if factors.kind == "kernel":
            return self._packed_kernel(factors)
        rows = unit(factors)
        factor = norm(factors) * norm(factors)
        packed = self.room(factors)
        if not self.debiased:
            packing.pack_panels(gram_panels(rows), packed)
            return packed, factor, packing.square_sum(packed)
        packing.pack_panels_hollow(gram_panels(rows), packed)
        diagonal = np.einsum("ij,ij->i", rows, rows)
        hollow = packing.square_sum(packed)
        # Without its diagonal, row i of a matrix whose rows sum to zero sums to −Kᵢᵢ.
        packing.u_centre(packed, -diagonal)
        if hollow > _MOST_CANCELLED * packing.square_sum(packed):
            # A translation changes nothing but how much cancels.
            packing.pack_panels_hollow(gram_panels(bulk_centred(factors)), packed)
            packing.u_centre_resolved(packed, factors)
        squares = 2.0 * hollow + float(np.square(diagonal).sum())
        return packed, factor * np.sqrt(2.0), squares

    def _packed_kernel(self, factors: Factors) -> tuple[np.ndarray, float, float]:
        n, kernel = factors.samples, np.asarray(factors.values, dtype=np.float64)
        packed = np.empty(packing.packed_length(n))
        packed[:n] = np.diagonal(kernel)
        packed[n:] = kernel[np.triu_indices(n, 1)]
        hollow = packed[n:].copy()
        packing.double_centre(packed, n)
        trace = float(packed[:n].sum())
        if not trace > 0.0:
            raise factors.degenerate("its centred kernel has no positive trace")
        packed /= trace
        squares = packing.square_sum(packed)
        if not self.debiased:
            return packed, trace, squares
        hollow /= trace
        packing.u_centre_resolved(hollow, factors)
        return hollow, trace * np.sqrt(2.0), squares

    def recentre(self, vector: np.ndarray, samples: int, unit: float) -> float:
        """Centre the matrix anew."""
        packing.recentre(vector, samples, is_hollow=self.debiased)
        return unit

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Compute the participation ratio anew, where the matrix has a diagonal."""
        restored = super().restored(gathered, samples)
        if self.debiased:
            return restored
        trace = restored["vector"][:samples].sum()
        return {**restored, "participation": np.array(trace * trace)}

    def route(self, samples: int, features: int, members: int, pairs: float) -> Statistic:
        """Go by n × n matrices, or by p × q cross-products where those cost less."""
        by_gram = members * samples**2 * features + pairs * samples**2
        by_features = members * samples * features**2 + pairs * 2 * samples * features**2
        return LinearCrossProduct(self.debiased) if by_features < by_gram else self


@dataclass(frozen=True)
class LinearCrossProduct(Statistic):
    """The same inner product by the p × q cross-products ‖XcᵀYc‖², without an n × n matrix.

    Prepared: `features`, Xc divided so that the product with itself is 1; of a debiased one also
    `rows`, aᵢ, the squared norms of its rows, `sums`, sᵢ = Σ_{j≠i} Kᵢⱼ, and `far`, which samples
    are summed apart.

    Attributes:
        debiased: U-centred instead of centred matrices.
    """

    tile: ClassVar[int] = 32
    selects: ClassVar[bool] = True
    debiased: bool = False

    @property
    def layout(self) -> Mapping[str, str]:
        """Rows of features, and what is made of them."""
        of_rows = {"features": "rows"}
        return {**of_rows, "rows": "rows", "sums": "rows", "far": "indices"}

    def prepare(self, factors: Factors) -> Prepared:
        """Keep the centred representation, divided so that its product with itself is 1."""
        rows = unit(factors)
        products = product(rows.T, rows)
        squares = square_sum(products)
        unit_of_size = norm(factors) * norm(factors)
        if not self.debiased:
            return self._normalised({"features": rows}, squares, squares, unit_of_size)
        kept, own = self._u_centred(rows, squares)
        if squares > _MOST_CANCELLED * own:
            kept = _with_far_samples(bulk_centred(factors))
            own, size = _own_product_apart(kept)
            if size > _MOST_UNRESOLVED * own:
                raise factors.degenerate(packing.UNRESOLVED)
        return self._normalised(kept, own, squares, unit_of_size)

    def _u_centred(self, rows: np.ndarray, squares: float) -> tuple[Prepared, float]:
        lengths = np.einsum("ij,ij->i", rows, rows)
        kept = {"features": rows, "rows": lengths, "sums": -lengths, "far": _NONE}
        return kept, squares + u_correction(lengths, lengths)

    def _normalised(self, kept: Prepared, own: float, squares: float, unit: float) -> Prepared:
        """Divide what is kept so that its product with itself, so far `own`, is 1."""
        root = np.sqrt(own)
        powers = {"features": np.sqrt(root), "rows": root, "sums": root}
        return {
            **{name: kept[name] / powers[name] if name in powers else kept[name] for name in kept},
            "size": np.array(root * unit),
            "samples": np.array(len(kept["features"])),
            "participation": np.array(1.0 / squares),
        }

    def restored(self, gathered: Prepared, samples: int) -> Prepared:
        """Centre the features anew, and divides them."""
        rows = gathered["features"].astype(np.float64)
        mean = rows.mean(axis=0)
        centred = rows - mean
        length = float(np.vdot(centred, centred))
        squares = square_sum(product(centred.T, centred))
        size = float(gathered["size"])
        if not self.debiased:
            kept, own = {"features": centred}, squares
        elif len(gathered["far"]):
            kept = _with_far_samples(rows)
            own = _own_product_apart(kept)[0]
        else:
            kept, own = self._u_centred(centred, squares)
        return self._normalised(kept, own, squares / (length * length), size)

    def compare(self, left: Tile, right: Tile) -> np.ndarray:
        """Compute the cosines of all pairs, by one product of all features of both tiles."""
        if not self.debiased:
            return block_square_sums(list(left["features"]), list(right["features"]))
        if any(len(far) for far in (*left["far"], *right["far"])):
            return _products_apart(left, right)[0]
        sums = block_square_sums(list(left["features"]), list(right["features"]))
        return sums + u_correction(np.asarray(left["rows"]), np.asarray(right["rows"]))


_NONE = np.empty(0, dtype=np.int64)


def u_centred_gram(rows: np.ndarray) -> np.ndarray:
    """Return (b(b − 1)/2,) the U-centred linear Gram matrix of (b, p) samples, hollow."""
    hollow = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    packing.u_centre(hollow, packing.row_sums(hollow, len(rows)))
    return hollow


def u_correction(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return what U-centring adds to ‖XcᵀYc‖², by (…, n) squared norms a and b of rows of Xc, Yc.

    It takes (1 + 2/(n − 2)) a·b away and adds Σa Σb / ((n − 1)(n − 2)): Song et al. 2012, equation
    5, for matrices whose rows sum to zero.
    """
    n = left.shape[-1]
    totals = np.multiply.outer(left.sum(axis=-1), right.sum(axis=-1)) / ((n - 1) * (n - 2))
    return totals - (1 + 2 / (n - 2)) * (left @ right.T)


def _with_far_samples(rows: np.ndarray) -> Prepared:
    """Keep of (n, p) samples about where most of them are what the sum apart needs."""
    far = far_samples(np.einsum("ij,ij->i", rows, rows))
    rows = rows - np.delete(rows, far, axis=0).mean(axis=0)
    lengths = np.einsum("ij,ij->i", rows, rows)
    others = rows.copy()
    others[far] = 0.0
    total, total_of_far = others.sum(axis=0), rows[far].sum(axis=0)
    sums = rows @ (total + total_of_far) - lengths
    # Of a far sample, its own square would take all digits.
    sums[far] = rows[far] @ total + hollow_gram(rows[far]).sum(axis=1)
    return {"features": rows, "rows": lengths, "sums": sums, "far": far}


def _own_product_apart(kept: Prepared) -> tuple[float, float]:
    tile = stack([kept])
    return tuple(float(table[0, 0]) for table in _products_apart(tile, tile))


def _products_apart(left: Tile, right: Tile) -> tuple[np.ndarray, np.ndarray]:
    """Compute Song's sum with the far samples of both tiles apart.

    Σ_{i≠j} Kᵢⱼ Lᵢⱼ + Σs Σt/((n − 1)(n − 2)) − 2 s·t/(n − 2), s and t the sums of the rows of K and
    L without their diagonals. Of the first sum, pairs of near samples are ‖XᵀY‖² − a·b, pairs of a
    near and a far one 2 Σ xᵀ(XᵀY)y over the far, and pairs of far ones are written out.

    Returns:
        (L, R) sums, and (L, R) the sum of what they are the difference of.
    """
    far = np.unique(np.concatenate([*left["far"], *right["far"]]))
    near = np.setdiff1d(np.arange(np.shape(left["rows"])[1]), far)
    widths = [[member.shape[1] for member in tile["features"]] for tile in (left, right)]
    x, y = (np.concatenate(list(tile["features"]), axis=1) for tile in (left, right))
    cross = product(x[near].T, y[near])
    with_far = 2.0 * cross * (x[far].T @ y[far])
    np.square(cross, out=cross)
    of_near = block_sums(cross, *widths)
    hollow = [
        np.stack([hollow_gram(member[far]).ravel() for member in tile["features"]])
        for tile in (left, right)
    ]
    a, b = (np.asarray(tile["rows"])[:, near] for tile in (left, right))
    s, t = (np.asarray(tile["sums"]) for tile in (left, right))
    n = s.shape[1]
    sums = (
        (of_near - a @ b.T)
        + block_sums(with_far, *widths)
        + hollow[0] @ hollow[1].T
        + np.outer(s.sum(axis=1), t.sum(axis=1)) / ((n - 1) * (n - 2))
        - 2.0 / (n - 2) * (s @ t.T)
    )
    size = of_near + a @ b.T + 2.0 / (n - 2) * np.abs(s @ t.T)
    return sums.astype(np.float64), size.astype(np.float64)
