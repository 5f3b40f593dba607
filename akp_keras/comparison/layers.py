"""The comparison of all pairs of members at one layer, from representations on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from akp_keras import similarity
from akp_keras.comparison.matrix import SimilarityMatrix


class TooFewComparable(ValueError):
    """A layer at which fewer than two members have representations."""


@dataclass(frozen=True)
class Compared:
    """All pairs at one layer under one measure, with null and intervals if requested."""

    matrix: SimilarityMatrix
    null: similarity.PermutationNull | None
    interval: similarity.Intervals | None = None


def compare_layer(
    layer: str,
    paths: Mapping[str, Path],
    measures: Sequence[str],
    *,
    executor: Executor,
    spatial: str = "flatten",
    memory_gb: float = 4.0,
    null: int = 0,
    interval: float | None = None,
    seed: int = 0,
    labels: np.ndarray | None = None,
) -> list[Compared]:
    """Compare all pairs of members at one layer.

    Args:
        layer: name of the layer.
        paths: member name -> `.npy` file of its (n, …) representation.
        measures: ids of measures.
        executor: runs the comparison of blocks of pairs.
        spatial: spatial policy for (n, h, w, c) representations, as in `similarity.pairwise`.
        memory_gb: bound on the memory of the comparison, in GiB.
        null: row permutations for the null distribution of every measure; 0 for none.
        interval: level of intervals over samples, as in `similarity.pairwise`; None for none.
        seed: seed of the permutations and of the groups of the intervals.
        labels: (n,) classes of the samples, for measures of errors.

    Returns:
        One item per measure, in their order.

    Raises:
        ValueError: in one line that names the layer, if fewer than two members are comparable or
            a measure is not defined for them.
    """
    excluded = {
        name: reason for name, path in paths.items() if (reason := _why_not_comparable(path))
    }
    comparable = [name for name in paths if name not in excluded]
    if len(comparable) < 2:
        raise TooFewComparable(
            f"layer {layer!r} needs at least two comparable members, got {len(comparable)} "
            f"({'; '.join(f'{name}: {reason}' for name, reason in list(excluded.items())[:3])})"
        )
    try:
        # Last digits of results depend on the number of threads.
        with threadpool_limits(1, "blas"):
            results = similarity.pairwise(
                {name: _loader(paths[name]) for name in comparable},
                list(measures),
                memory_gb=memory_gb,
                spatial=spatial,
                executor=executor,
                null=null,
                interval=interval,
                seed=seed,
                labels=labels,
            )
    except ValueError as error:
        raise ValueError(f"layer {layer!r}: {error}") from error
    return [
        Compared(
            SimilarityMatrix(
                layer=layer,
                measure=measure,
                members=tuple(results[measure].names),
                values=results[measure].values,
                distances=distances(results[measure]),
                samples=results[measure].samples,
                features=results[measure].features,
                ranks=results[measure].ranks,
                excluded=excluded,
            ),
            results[measure].null,
            results[measure].interval,
        )
        for measure in measures
    ]


def distances(result: similarity.SimilarityResult) -> np.ndarray:
    """Return the default distance form of a result; all NaN if its measure declares none."""
    if not result.declaration.distances:
        return np.full_like(result.values, np.nan)
    return result.distance()


def _loader(path: Path) -> Callable[[], np.ndarray]:
    return lambda: np.load(path, mmap_mode="r")


def _why_not_comparable(path: Path) -> str | None:
    """Return why a representation cannot be compared, or None."""
    values = np.load(path, mmap_mode="r")
    if not np.isfinite(values).all():
        return "not finite: NaN or infinity among its answers"
    if (values == values[:1]).all():
        return "constant over the probe set: it tells no samples apart"
    return None
