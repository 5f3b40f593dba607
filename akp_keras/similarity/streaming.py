"""Linear measures over samples that are never all there: batches in, all pairs out.

Neither an n × n matrix nor an n × p representation is held: memory is (Σp)² numbers for the
full-batch measures, Σp over all representations, and M² for minibatch CKA.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from akp_keras.similarity import registry
from akp_keras.similarity.arithmetic import product
from akp_keras.similarity.inner_product import pack_off_diagonal
from akp_keras.similarity.kernels import u_centred
from akp_keras.similarity.representation import real_array
from akp_keras.similarity.result import Results, SimilarityResult
from akp_keras.similarity.spatial import apply_policy

STREAMED = ("cka.linear", "cka.linear.debiased", "hsic.linear", "hsic.linear.unbiased")


def pairwise_streaming(
    batches: Iterable[Mapping[str, np.ndarray]],
    ids: Sequence[str],
    spatial: str | None = None,
) -> Results:
    """Compares all pairs of representations from one pass over batches of samples.

    Args:
        batches: each a mapping name -> (b, p) values of the same b samples, or (b, …, c) with
            `spatial`; every batch has the same names and widths.
        ids: of `STREAMED`, or `cka.linear.minibatch`, for which every batch that comes is a batch
            of the estimator. Its size is that of the first batch, with which `[batch=…]` must
            agree where it is given; a smaller batch may come last and is left out there.
        spatial: what becomes of positions, one of `SPATIAL_POLICIES`.

    Returns:
        Identifier as given -> `SimilarityResult`. The values of `STREAMED` are those of
        `pairwise` on all samples at once.

    Raises:
        ValueError: if a measure cannot be streamed, or a batch does not fit the others.
    """
    measures = {id: registry.find(id) for id in ids}
    minibatch = {
        id: _batch_size(id) for id, m in measures.items() if m.declaration.id not in STREAMED
    }
    moments: _Moments | None = None
    sums: np.ndarray | None = None
    powers = np.empty(0)
    names: tuple[str, ...] = ()
    first_size = 0
    incomplete = False
    for batch in batches:
        if moments is None:
            names = _names(batch)
            powers = np.zeros(len(names))
        arrays = _checked(batch, names, spatial)
        _scale(arrays, powers)
        if moments is None:
            moments = _Moments(names, arrays)
            sums = np.zeros((len(names), len(names)))
            _check_batch_size(minibatch, len(arrays[0]))
        if minibatch:
            if incomplete:
                raise ValueError("a batch smaller than the first came before the last")
            first_size = first_size or len(arrays[0])
            if len(arrays[0]) > first_size:
                raise ValueError(
                    f"a batch has {len(arrays[0])} samples, the first had {first_size}"
                )
            incomplete = len(arrays[0]) < first_size
            if not incomplete:
                sums += _batch_products(arrays)
        moments.add(arrays)
    if moments is None:
        raise ValueError("there are no batches")

    results = {}
    for id, measure in measures.items():
        if id in minibatch:
            _check_finite(sums, names)
            values = _normalised(sums, names, "its HSIC with itself is not positive")
        else:
            values = moments.values(measure.declaration.id, np.where(powers > 0.0, powers, 1.0))
        low, high = measure.declaration.range
        results[id] = SimilarityResult(
            declaration=measure.declaration,
            names=names,
            values=np.clip(values, low, high),
            samples=moments.samples,
            features=np.array(moments.widths, dtype=np.int64),
            ranks=moments.ranks(),
            spatial=spatial,
        )
    return Results(results)


def _batch_size(id: str) -> int | None:
    canonical = registry.find(id).declaration.id
    match = re.fullmatch(r"cka\.linear\.minibatch\[batch=(\d+)\]", canonical)
    if match is None:
        raise ValueError(
            f"measure {id!r} cannot be streamed; {', '.join(STREAMED)} and cka.linear.minibatch can"
        )
    return int(match[1]) if "[" in id else None


def _check_batch_size(minibatch: Mapping[str, int | None], size: int) -> None:
    for id, wanted in minibatch.items():
        if wanted is not None and wanted != size:
            raise ValueError(f"the first batch has {size} samples; {id} needs batches of its size")
        if size < 4:
            raise ValueError(f"the first batch has {size} samples; {id} needs at least 4")


def _names(batch: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    if not isinstance(batch, Mapping):
        raise ValueError(f"a batch is a {type(batch).__name__}; a mapping name -> values is needed")
    if len(batch) < 2:
        raise ValueError(f"two representations or more are needed, not {len(batch)}")
    return tuple(batch)


def _scale(arrays: list[np.ndarray], powers: np.ndarray) -> None:
    """Divides every representation by a power of two, so that no square overflows or vanishes.

    Args:
        arrays: M arrays (b, p), replaced.
        powers: (M,) by what they are divided; 0 for those that were zero in all batches so far,
            which are set where they no longer are.
    """
    for i, values in enumerate(arrays):
        largest = float(np.abs(values).max(initial=0.0))
        if powers[i] == 0.0 and largest > 0.0:
            powers[i] = 2.0 ** np.clip(np.floor(np.log2(largest)), -1020, 1020)
        if powers[i] > 0.0:
            arrays[i] = values / powers[i]


def _checked(
    batch: Mapping[str, np.ndarray], names: tuple[str, ...], spatial: str | None
) -> list[np.ndarray]:
    if not isinstance(batch, Mapping) or tuple(batch) != names:
        raise ValueError(f"a batch has the representations {tuple(batch)}, the first had {names}")
    arrays = []
    for name in names:
        values = apply_policy(real_array(batch[name], name), spatial, name).astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError(f"representation {name!r} holds NaN or infinite values")
        if arrays and len(values) != len(arrays[0]):
            raise ValueError(
                f"representation {name!r} has {len(values)} samples in a batch where {names[0]!r} "
                f"has {len(arrays[0])}"
            )
        arrays.append(values)
    return arrays


def _batch_products(arrays: list[np.ndarray]) -> np.ndarray:
    """HSIC₁ of all pairs in one batch, (M, M)."""
    n = len(arrays[0])
    packed = []
    for values in arrays:
        centred = values - values.mean(axis=0)
        packed.append(pack_off_diagonal(u_centred(product(centred, centred.T))))
    vectors = np.stack(packed)
    return 2.0 * product(vectors, vectors.T) / (n * (n - 3))


class _Moments:
    """Sums over samples from which linear HSIC follows, biased and unbiased.

    Values are taken relative to the mean of the first batch, so that a large mean cancels before
    anything is squared.
    """

    def __init__(self, names: tuple[str, ...], arrays: list[np.ndarray]) -> None:
        self.names = names
        self.widths = [values.shape[1] for values in arrays]
        self.samples = 0
        self._shift = np.concatenate([values.mean(axis=0) for values in arrays])
        self._starts = np.concatenate([[0], np.cumsum(self.widths)])
        total, members = int(self._starts[-1]), len(names)
        self._sum = np.zeros(total)
        self._cross = np.zeros((total, total))
        self._squares = np.zeros(members)
        self._square_products = np.zeros((members, members))
        self._square_by_value = np.zeros((members, total))

    def add(self, arrays: list[np.ndarray]) -> None:
        """Takes a batch."""
        widths = [values.shape[1] for values in arrays]
        if widths != self.widths:
            raise ValueError(f"a batch has widths {widths}, the first had {self.widths}")
        values = np.concatenate(arrays, axis=1) - self._shift
        squares = np.add.reduceat(np.square(values), self._starts[:-1], axis=1)
        self.samples += len(values)
        self._sum += values.sum(axis=0)
        self._cross += product(values.T, values)
        self._squares += squares.sum(axis=0)
        self._square_products += squares.T @ squares
        self._square_by_value += product(squares.T, values)

    def _centred_cross(self) -> np.ndarray:
        return self._cross - np.outer(self._sum, self._sum) / self.samples

    def ranks(self) -> np.ndarray:
        """Numerical ranks, from the covariances and so at no less than √ε of the largest."""
        cross = self._centred_cross()
        ranks = []
        for start, stop in zip(self._starts[:-1], self._starts[1:], strict=True):
            spectrum = np.linalg.eigvalsh(cross[start:stop, start:stop])
            ranks.append(int(np.sum(spectrum > 1e-12 * max(spectrum[-1], 0.0))))
        return np.array(ranks, dtype=np.int64)

    def values(self, id: str, powers: np.ndarray) -> np.ndarray:
        """(M, M) values of a measure of `STREAMED`; (M,) powers by which values were divided."""
        n = self.samples
        unbiased = id.endswith("biased")
        least = 4 if unbiased else 3
        if n < least:
            raise ValueError(f"{n} samples came; {id} needs at least {least}")
        cross = self._centred_cross()
        starts = self._starts[:-1]
        inner = np.add.reduceat(np.add.reduceat(np.square(cross), starts, axis=0), starts, axis=1)
        if unbiased:
            inner += self._u_correction()
        _check_finite(inner, self.names)
        if id.startswith("cka"):
            return _normalised(inner, self.names, "its HSIC with itself is not positive")
        hsic = inner / (n * (n - 3.0)) if unbiased else inner / (n - 1.0) ** 2
        with np.errstate(over="ignore", under="ignore"):
            for power in (powers, powers):
                hsic = hsic * power[:, None] * power[None, :]
        return hsic

    def _u_correction(self) -> np.ndarray:
        """What U-centring adds to ‖XcᵀYc‖² (see `LinearCrossProduct`), (M, M).

        With a the squared norms of centred samples: a = s − 2 z·μ + ‖μ‖², s and z the squared
        norm and the values before centring, so that Σ aᵢbᵢ follows from the sums.
        """
        n = self.samples
        mean = self._sum / n
        mean_squares = np.add.reduceat(np.square(mean), self._starts[:-1])
        # by_mean[x, y] = Σᵢ sˣᵢ (zʸᵢ · μʸ), mean_cross[x, y] = Σᵢ (zˣᵢ · μˣ)(zʸᵢ · μʸ).
        starts = self._starts[:-1]
        by_mean = np.add.reduceat(self._square_by_value * mean, starts, axis=1)
        weighted = self._cross * mean[:, None] * mean[None, :]
        mean_cross = np.add.reduceat(np.add.reduceat(weighted, starts, axis=0), starts, axis=1)
        outer = np.outer(self._squares, mean_squares)
        products = (
            self._square_products
            - 2.0 * by_mean
            - 2.0 * by_mean.T
            + 4.0 * mean_cross
            + outer
            + outer.T
            - 3.0 * n * np.outer(mean_squares, mean_squares)
        )
        totals = self._squares - n * mean_squares
        return np.outer(totals, totals) / ((n - 1) * (n - 2)) - (1 + 2 / (n - 2)) * products


def _check_finite(inner: np.ndarray, names: tuple[str, ...]) -> None:
    if not np.isfinite(inner).all():
        name = names[int(np.argmin(np.isfinite(np.diagonal(inner))))]
        raise ValueError(
            f"representation {name!r} is larger in a later batch than in the first by more powers "
            "of ten than squares can hold"
        )


def _normalised(inner: np.ndarray, names: tuple[str, ...], reason: str) -> np.ndarray:
    own = np.diagonal(inner)
    if not (own > 0.0).all():
        raise ValueError(f"representation {names[int(np.argmin(own))]!r} is degenerate: {reason}")
    values = inner / np.sqrt(np.outer(own, own))
    upper = np.triu(values)
    return upper + np.triu(upper, 1).T
