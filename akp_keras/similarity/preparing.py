"""Every representation prepared once, for all measures."""

from __future__ import annotations

import itertools
import math
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from akp_keras.similarity.centring import constant
from akp_keras.similarity.factors import Factors, Undefined
from akp_keras.similarity.loading import load_all
from akp_keras.similarity.measure import Measure
from akp_keras.similarity.representation import Representation
from akp_keras.similarity.request import Request
from akp_keras.similarity.scratch import Scratch
from akp_keras.similarity.shelf import Shelf
from akp_keras.similarity.spectrum import rank
from akp_keras.similarity.statistic import Prepared, Statistic
from akp_keras.similarity.threads import Threads, spread, worthwhile_threads

# So many bytes one measure may take for one representation, however small `memory_gb` is.
_LEAST_MEMORY = 2.0**30


@dataclass(frozen=True)
class Shelved:
    """What one statistic kept of all representations.

    Attributes:
        statistic: by the route that costs least.
        measures: name of the result -> those that are functions of it.
        shelf: what was kept, in order, without those on which it is not defined.
        undefined: number of a representation -> why the statistic is not defined for it.
    """

    statistic: Statistic
    measures: Mapping[str, Measure]
    shelf: Shelf
    undefined: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Preparation:
    """All representations, prepared.

    Attributes:
        samples: n after the spatial policy.
        positions: how many rows belong to one sample.
        features: p of each representation; 0 of matrices of pairs of samples.
        ranks: numerical rank of each; 0 where it is not known.
        shelved: for each statistic.
        threads: over which blocks are spread.
    """

    samples: int
    positions: int
    features: np.ndarray
    ranks: np.ndarray
    shelved: tuple[Shelved, ...]
    threads: Threads

    def undefined(self, name: str) -> Mapping[int, str]:
        """Return number of a representation -> why a measure is not defined for it."""
        return next(part.undefined for part in self.shelved if name in part.measures)


@dataclass(frozen=True)
class _Outcome:
    """Of one representation: what each statistic kept, or why it did not."""

    kept: list[Prepared | Undefined]
    features: int
    rank: int
    scratch: Scratch


def prepare_all(request: Request, cleanup: ExitStack) -> Preparation:
    """Load and prepare the representations of a request, several at the same time.

    Args:
        request: what is asked for.
        cleanup: closes the shelves and the threads.

    Raises:
        ValueError: naming the representation that does not fit the others, or on which a measure
            is not defined.
    """
    free: list[Scratch] = []

    def scratch() -> Scratch:
        return free.pop() if free else Scratch(limit=request.memory / 4)

    loaded = load_all(request, scratch)
    first = next(loaded)
    shelved = _shelves(request, first.factors, cleanup)
    threads = cleanup.enter_context(spread(_threads(request, first.factors)))
    samples, positions = first.factors.samples, first.positions
    every = (item.factors for item in itertools.chain([first], loaded))
    # What it computes is let go as soon as it is on the shelves.
    del first

    def prepare(factors: Factors) -> _Outcome:
        return _prepare(request, factors, [part.statistic for part in shelved])

    features, ranks = [], []
    for index, outcome in enumerate(threads.map(prepare, every)):
        for part, kept in zip(shelved, outcome.kept, strict=True):
            if isinstance(kept, Undefined):
                part.undefined[index] = kept.reason
            else:
                part.shelf.put(kept)
        features.append(outcome.features)
        ranks.append(outcome.rank)
        free.append(outcome.scratch)
        request.progress(len(ranks), len(request.sources), "preparing")
    return Preparation(
        samples=samples,
        positions=positions,
        features=np.array(features, dtype=np.int64),
        ranks=np.array(ranks, dtype=np.int64),
        shelved=shelved,
        threads=threads,
    )


def _prepare(request: Request, factors: Factors, statistics: list[Statistic]) -> _Outcome:
    try:
        factors.check_finite()
    except Undefined as error:
        if request.undefined == "raise":
            raise
        return _Outcome([error] * len(statistics), factors.features, 0, factors.scratch)
    kept: list[Prepared | Undefined] = []
    for statistic in statistics:
        try:
            kept.append(_kept(statistic, factors))
        except Undefined as error:
            if request.undefined == "raise":
                raise
            kept.append(error)
    if factors.kind != "features":
        return _Outcome(kept, 0, 0, factors.scratch)
    return _Outcome(kept, factors.features, rank(factors), factors.scratch)


def _kept(statistic: Statistic, factors: Factors) -> Prepared:
    if factors.kind not in statistic.starts_from:
        raise ValueError(
            f"representation {factors.name!r} is a matrix of {factors.kind}; a measure that is "
            f"asked for starts from {' or '.join(sorted(statistic.starts_from))}"
        )
    if statistic.needs_variance and factors.kind == "features" and constant(factors):
        raise factors.degenerate("every sample has the same values, so it has no variance")
    return statistic.prepare(factors)


def _shelves(request: Request, first: Factors, cleanup: ExitStack) -> tuple[Shelved, ...]:
    statistics = list(dict.fromkeys(measure.statistic for measure in request.measures.values()))
    members = len(request.sources)
    # What is made of a matrix of pairs of samples has no features.
    may_be_routed = not any(
        isinstance(source, Representation) and source.kind != "features"
        for _, source in request.sources
    )
    width = _typical_width(request, first)
    shelved = []
    for statistic in statistics:
        measures = {name: m for name, m in request.measures.items() if m.statistic == statistic}
        routed = statistic
        if may_be_routed:
            routed = statistic.route(first.samples, width, members, request.pairs)
        _check_memory(request, routed, measures, first)
        dtype = np.float64 if routed.is_exact else request.precision
        # Half of the memory is for shelves, half for the blocks in work.
        shelf = Shelf(members, request.memory / 2 / len(statistics), dtype)
        cleanup.callback(shelf.close)
        shelved.append(Shelved(routed, measures, shelf))
    return tuple(shelved)


def _typical_width(request: Request, first: Factors) -> int:
    """Return the root mean square of the widths, as far as shapes tell them before loading.

    Layers of one network differ in width, and costs of cross-products grow with its square.
    """
    widths = []
    for _, source in request.sources:
        values = source.values if isinstance(source, Representation) else source
        shape = getattr(values, "shape", ())
        if len(shape) < 2:
            widths.append(first.features)
        elif len(shape) == 2 or request.spatial == "flatten":
            widths.append(math.prod(shape[1:]))
        else:
            widths.append(shape[1 if request.channels_first else -1])
    return round(math.sqrt(sum(width**2 for width in widths) / len(widths)))


def _check_memory(
    request: Request, statistic: Statistic, measures: Mapping[str, Measure], first: Factors
) -> None:
    name, samples = next(iter(measures)), first.samples
    needed = statistic.memory(samples)
    what = f"{samples} samples"
    if request.null or request.interval is not None:
        # Both sides, one of them with its samples drawn again, and where entries come from.
        needed += 5.0 * statistic.storage(samples)
        what += " with null= or interval="
    if needed > max(request.memory, _LEAST_MEMORY):
        raise ValueError(
            f"measure {name!r} needs {needed / 2**30:.1f} GiB for {what}, and memory_gb is "
            f"{request.memory / 2**30:g}: take fewer samples, or raise memory_gb"
        )
    stored = statistic.storage(samples) * (len(request.sources) + 1)
    if stored > request.memory / 2:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if stored > free:
            raise ValueError(
                f"measure {name!r} needs {stored / 2**30:.1f} GiB of temporary files for {samples} "
                f"samples, and {folder} has {free / 2**30:.1f} GiB free: take fewer samples, or "
                "set TMPDIR"
            )


def _threads(request: Request, first: Factors) -> int:
    if request.accelerator:
        return 1
    # The representation in float64, its Gram matrix, and what is made of them on the way.
    each = 4.0 * 8.0 * first.samples * (first.samples + first.features)
    members = len(request.sources)
    return worthwhile_threads(members, each, request.memory / 4, request.threads)
