"""Linear measures over samples that are never all in memory: batches in, all pairs out.

Neither an n × n matrix nor an n × p representation is held: memory is (Σp)² numbers for the
full-batch measures, Σp over all representations, and M² for minibatch CKA.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from akp_keras.similarity import registry
from akp_keras.similarity.arithmetic import product
from akp_keras.similarity.cross_moments import CrossMoments
from akp_keras.similarity.far_samples import centre
from akp_keras.similarity.linear_gram import LinearGram, u_centred_gram
from akp_keras.similarity.measure import Measure
from akp_keras.similarity.measures.cka import MinibatchGram
from akp_keras.similarity.registry import MeasureLike
from akp_keras.similarity.representation import load
from akp_keras.similarity.result import Results, SimilarityResult
from akp_keras.similarity.spatial import apply_policy
from akp_keras.similarity.statistic import Tile

_DEGENERATE = "its HSIC with itself is not positive"


def pairwise_streaming(
    batches: Iterable[Mapping[str, np.ndarray]],
    measures: Sequence[MeasureLike],
    spatial: str | None = None,
    *,
    channels_first: bool | None = None,
) -> Results:
    """Compare all pairs of representations in one pass over batches of samples.

    Args:
        batches: each a mapping name -> (b, p) values of the same b samples, or (b, …, c) with
            `spatial`; every batch has the same names and widths.
        measures: functions of the linear Gram matrices, such as `cka.linear`,
            `cka.linear.debiased`, `hsic.linear`, or `cka.linear.minibatch`, for which every batch
            that comes is a batch of the estimator. Its size is that of the first batch, with
            which `[batch=…]` must agree where it is written; a smaller batch may come last and is
            left out of that estimator.
        spatial: what becomes of positions, one of `SPATIAL_POLICIES`.
        channels_first: whether values are (b, c, …), as `engine.pairwise` takes it.

    Returns:
        Identifier as written -> `SimilarityResult`, with the values of `pairwise` on all samples.

    Raises:
        ValueError: if a measure cannot be streamed, or a batch does not fit the others.
    """
    resolved = registry.resolve(measures)
    sizes = _batch_sizes(resolved)
    stream: _Stream | None = None
    for batch in batches:
        if stream is None:
            stream = _Stream(_names(batch), spatial, channels_first, sizes)
        stream.add(batch)
    if stream is None:
        raise ValueError("there are no batches")
    return Results({name: stream.result(measure) for name, measure in resolved.items()})


def _batch_sizes(measures: Mapping[str, Measure]) -> dict[str, int | None]:
    """Return the batch size that each minibatch measure names, None where it names none."""
    sizes: dict[str, int | None] = {}
    for name, measure in measures.items():
        if isinstance(measure.statistic, MinibatchGram):
            sizes[name] = measure.statistic.batch if "[" in name else None
        elif not isinstance(measure.statistic, LinearGram):
            raise ValueError(f"measure {name!r} cannot be streamed; {', '.join(_streamed())} can")
    return sizes


def _streamed() -> list[str]:
    return [
        name
        for name in registry.list_measures()
        if isinstance(registry.find(name).statistic, LinearGram | MinibatchGram)
    ]


def _names(batch: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    if not isinstance(batch, Mapping):
        raise ValueError(f"a batch is a {type(batch).__name__}; a mapping name -> values is needed")
    if len(batch) < 2:
        raise ValueError(f"two representations or more are needed, not {len(batch)}")
    return tuple(batch)


class _Stream:
    """What was seen of the batches so far.

    Args:
        names: of the representations.
        spatial: what becomes of positions.
        channels_first: whether channels come before positions.
        batch_sizes: of the minibatch measures.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        spatial: str | None,
        channels_first: bool | None,
        batch_sizes: Mapping[str, int | None],
    ) -> None:
        self.names = names
        self._spatial = spatial
        self._channels_first = channels_first
        self._batch_sizes = batch_sizes
        self._powers = np.zeros(len(names))
        self._moments: CrossMoments | None = None
        self._minibatches = np.zeros((len(names), len(names)))
        self._first_size = 0
        self._is_ended = False

    def add(self, batch: Mapping[str, np.ndarray]) -> None:
        """Take a batch."""
        arrays = self._checked(batch)
        self._scale(arrays)
        if self._moments is None:
            self._first_size = len(arrays[0])
            self._check_first_size()
            self._moments = CrossMoments(arrays)
        widths = [values.shape[1] for values in arrays]
        if widths != self._moments.widths:
            raise ValueError(f"a batch has widths {widths}, the first had {self._moments.widths}")
        if self._batch_sizes:
            self._add_minibatch(arrays)
        self._moments.add(arrays)

    def result(self, measure: Measure) -> SimilarityResult:
        """Return all pairs under a measure."""
        n = self._moments.samples
        if n < measure.declaration.min_samples:
            raise ValueError(
                f"{n} samples came; {measure.declaration.id} needs at least "
                f"{measure.declaration.min_samples}"
            )
        if isinstance(measure.statistic, MinibatchGram):
            inner = self._minibatches
        else:
            inner = self._moments.products(debiased=measure.statistic.debiased)
        cosines = self._normalised(inner)
        tile = self._tile(inner)
        with np.errstate(over="ignore", under="ignore"):
            values = measure.value(cosines, tile, tile)
        features = np.array(self._moments.widths, dtype=np.int64)
        ranks = self._moments.ranks()
        return SimilarityResult(
            declaration=measure.declaration,
            names=self.names,
            columns=self.names,
            values=values,
            samples=n,
            features=features,
            ranks=ranks,
            column_features=features,
            column_ranks=ranks,
            spatial=self._spatial,
        )

    def _normalised(self, inner: np.ndarray) -> np.ndarray:
        own = np.diagonal(inner)
        if not np.isfinite(inner).all():
            name = self.names[int(np.argmin(np.isfinite(own)))]
            raise ValueError(
                f"representation {name!r} is larger in a later batch than in the first by more "
                "powers of ten than squares can hold"
            )
        if not (own > 0.0).all():
            name = self.names[int(np.argmin(own))]
            raise ValueError(f"representation {name!r} is degenerate: {_DEGENERATE}")
        upper = np.triu(inner / np.sqrt(np.outer(own, own)))
        return upper + np.triu(upper, 1).T

    def _tile(self, inner: np.ndarray) -> Tile:
        """Return the numbers that `LinearGram` keeps of representations, for a measure's value."""
        powers = np.where(self._powers > 0.0, self._powers, 1.0)
        with np.errstate(over="ignore", under="ignore"):
            sizes = np.sqrt(np.diagonal(inner)) * powers * powers
        return {
            "size": sizes,
            "samples": np.full(len(self.names), self._moments.samples),
            "participation": self._moments.participations(),
        }

    def _checked(self, batch: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        if not isinstance(batch, Mapping) or tuple(batch) != self.names:
            raise ValueError(
                f"a batch has the representations {tuple(batch)}, the first had {self.names}"
            )
        arrays: list[np.ndarray] = []
        for name in self.names:
            representation = load(batch[name], name)
            values = apply_policy(
                representation.values,
                self._spatial,
                name,
                channels_first=representation.channels_first
                if self._channels_first is None
                else self._channels_first,
            ).astype(np.float64)
            if not np.isfinite(values).all():
                raise ValueError(f"representation {name!r} holds NaN or infinite values")
            if arrays and len(values) != len(arrays[0]):
                raise ValueError(
                    f"representation {name!r} has {len(values)} samples in a batch where "
                    f"{self.names[0]!r} has {len(arrays[0])}"
                )
            arrays.append(values)
        return arrays

    def _scale(self, arrays: list[np.ndarray]) -> None:
        """Divide representations by powers of two, so that no square overflows or vanishes.

        The power of one that was zero in all batches so far is set where it no longer is.
        """
        for i, values in enumerate(arrays):
            largest = float(np.abs(values).max(initial=0.0))
            if self._powers[i] == 0.0 and largest > 0.0:
                self._powers[i] = 2.0 ** np.clip(np.floor(np.log2(largest)), -1020, 1020)
            if self._powers[i] > 0.0:
                arrays[i] = values / self._powers[i]

    def _check_first_size(self) -> None:
        for name, size in self._batch_sizes.items():
            if size is not None and size != self._first_size:
                raise ValueError(
                    f"the first batch has {self._first_size} samples; {name} needs batches of "
                    "its size"
                )
            if self._first_size < 4:
                raise ValueError(
                    f"the first batch has {self._first_size} samples; {name} needs at least 4"
                )

    def _add_minibatch(self, arrays: list[np.ndarray]) -> None:
        """Add HSIC₁ of all pairs in the batch."""
        size = len(arrays[0])
        if self._is_ended:
            raise ValueError("a batch smaller than the first came before the last")
        if size > self._first_size:
            raise ValueError(f"a batch has {size} samples, the first had {self._first_size}")
        self._is_ended = size < self._first_size
        if not self._is_ended:
            vectors = np.stack([u_centred_gram(values - centre(values)) for values in arrays])
            self._minibatches += 2.0 * product(vectors, vectors.T) / (size * (size - 3))
