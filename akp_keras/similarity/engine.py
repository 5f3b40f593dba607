"""All pairs: every representation prepared once, pairs compared in blocks."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import ExitStack, nullcontext
from numbers import Integral, Real

import numpy as np

from akp_keras.similarity import arithmetic, registry
from akp_keras.similarity.null import NullCounter, permutation_orders
from akp_keras.similarity.permutation_index import forget_order
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.registry import Measure
from akp_keras.similarity.representation import Source, check_ids, load
from akp_keras.similarity.result import Results, SimilarityResult
from akp_keras.similarity.scratch import Scratch
from akp_keras.similarity.shelf import Shelf
from akp_keras.similarity.spatial import apply_policy
from akp_keras.similarity.statistic import Prepared, Statistic, Tile, Value, stack, unstack
from akp_keras.similarity.threads import Threads, blas_threads, spread, useful

Progress = Callable[[int, int, str], None]

_BLOCKS_IN_FLIGHT = 16


def compare(
    x: Source,
    y: Source,
    id: str,
    spatial: str | None = None,
    *,
    labels: np.ndarray | None = None,
) -> float:
    """Compares two representations.

    Args:
        x: (n, p) real numbers, or (n, …, c) with `spatial`; see `representation.Source`.
        y: (n, q) or (n, …, c), the same n samples in the same order.
        id: identifier of a measure.
        spatial: what becomes of positions, one of `SPATIAL_POLICIES`.
        labels: (n,) the samples' classes, for measures of errors.

    Returns:
        The value of the measure for (x, y).

    Raises:
        ValueError: if there is no such measure, or it is not defined for x or y, in one line
            that names which and why.
    """
    return float(pairwise({"x": x, "y": y}, [id], spatial=spatial, labels=labels)[id].values[0, 1])


def pairwise(
    representations: Mapping[str, Source],
    ids: Sequence[str],
    memory_gb: float = 4.0,
    spatial: str | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    *,
    null: int = 0,
    seed: int = 0,
    precision: str = "float64",
    labels: np.ndarray | None = None,
    device: str = "auto",
) -> Results:
    """Compares all pairs of representations under several measures.

    Each representation is loaded once, here, prepared for all measures, and let go. Pairs are
    compared in blocks whose shape depends on the sizes and on `memory_gb` alone, so the results
    are the same bytes for any executor on machines of one kind. Representations are prepared and
    blocks compared side by side, in a thread a core, where there are enough of them; where NumPy's
    BLAS is limited to one thread (threadpoolctl, OPENBLAS_NUM_THREADS), the number of cores
    changes no byte.

    Args:
        representations: name -> representation (see `representation.Source`), the same n samples
            in the same order; a function without arguments is called when it is needed.
        ids: identifiers of measures.
        memory_gb: bound on the memory of prepared factors and blocks, in GiB; factors that do
            not fit are kept in temporary files. A single representation being prepared, and what
            is computed of it, come on top; more of them side by side take a quarter of it.
        spatial: what becomes of positions, one of `SPATIAL_POLICIES`; representations without
            positions are taken as they are.
        executor: where blocks of pairs are compared; by default in threads here. Where a block
            is one product, it is done here before its operands could be sent.
        progress: called as progress(done, total, what).
        null: number of row permutations for the null of every measure; 0 for none. With
            `spatial="positions"` whole samples are permuted, their positions stay together.
        seed: of the permutations.
        precision: "float64", or "float32" for factors and products in float32 (half of the
            memory); centring is in float64 either way. Similarities agree to 1e-5, distances to
            1e-4 of the largest, and to 2e-3 of it between nearly equal representations.
        labels: (n,) the samples' classes, for measures of errors.
        device: where products are computed, "cpu", "accelerator" (`keras.ops` on Keras' default
            device) or "auto": the accelerator where Keras is loaded and lists a GPU or a TPU,
            which not every machine rounds alike.

    Returns:
        Identifier as given -> `SimilarityResult`.

    Raises:
        ValueError: if a measure is not known, or not defined for a representation, in one line
            that names which and why.
    """
    _check_call(representations, ids, memory_gb, null, seed)
    names = tuple(representations)
    if precision not in ("float32", "float64"):
        raise ValueError(f"precision is float64 or float32, not {precision!r}")
    measures = {id: registry.find(id) for id in ids}
    if null:
        _check_null(measures)
    report = progress or (lambda done, total, what: None)
    memory = memory_gb * 2**30

    accelerator = arithmetic.on_accelerator(device)
    with ExitStack() as cleanup:
        cleanup.enter_context(arithmetic.use(accelerator))
        preparation = _prepare(
            representations,
            measures,
            null,
            memory,
            spatial,
            precision,
            None if labels is None else np.asarray(labels),
            report,
            cleanup,
            accelerator,
        )
        values: dict[str, np.ndarray] = {}
        nulls = {}
        for statistic, routed, shelf in preparation.shelves:
            using = {id: m for id, m in measures.items() if m.statistic == statistic}
            counters = {
                id: NullCounter(
                    len(names),
                    m.declaration.larger_is_more_similar,
                    bool(np.isfinite(m.declaration.range).all()),
                    precision,
                )
                for id, m in using.items()
            }
            orders = permutation_orders(
                null, preparation.samples // preparation.positions, seed, preparation.positions
            )
            values.update(
                _all_pairs(
                    routed,
                    using,
                    shelf,
                    len(names),
                    memory,
                    sum(one.held for _, _, one in preparation.shelves),
                    executor,
                    report,
                    orders,
                    counters,
                    accelerator,
                    preparation.threads,
                )
            )
            if null:
                nulls.update({id: counter.finish(values[id]) for id, counter in counters.items()})
            shelf.close()
    for id, found in values.items():
        _check_defined(found, id, names)

    return Results(
        {
            id: SimilarityResult(
                declaration=measure.declaration,
                names=names,
                values=values[id],
                samples=preparation.samples,
                features=preparation.features,
                ranks=preparation.ranks,
                spatial=spatial,
                null=nulls.get(id),
            )
            for id, measure in measures.items()
        }
    )


def _check_call(
    representations: object, ids: object, memory_gb: object, null: object, seed: object
) -> None:
    if not isinstance(representations, Mapping):
        raise ValueError(
            f"representations are a {type(representations).__name__}; a mapping "
            "name -> representation is needed"
        )
    if len(representations) < 2:
        raise ValueError(f"two representations or more are needed, not {len(representations)}")
    if isinstance(ids, str):
        raise ValueError(f"ids is the string {ids!r}; a list of measures is needed: [{ids!r}]")
    if not ids:
        raise ValueError("no measure is named")
    if isinstance(memory_gb, bool) or not isinstance(memory_gb, Real) or not memory_gb > 0:
        raise ValueError(f"memory_gb is {memory_gb!r}; a positive number is needed")
    for name, value in (("null", null), ("seed", seed)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
            raise ValueError(f"{name} is {value!r}; a whole number, 0 or more, is needed")


def _check_defined(values: np.ndarray, id: str, names: Sequence[str]) -> None:
    undefined = np.argwhere(np.isnan(values))
    if len(undefined):
        i, j = undefined[0]
        raise ValueError(
            f"{id} of {names[i]!r} and {names[j]!r} is not a number: their values differ by more "
            "powers of ten than floats hold; divide them by a constant"
        )


class _Preparation:
    """What preparing all representations leaves behind."""

    def __init__(self) -> None:
        self.samples = 0
        self.positions = 1
        self.features = np.empty(0, dtype=np.int64)
        self.ranks = np.empty(0, dtype=np.int64)
        self.shelves: list[tuple[Statistic, Statistic, Shelf]] = []
        self.threads = Threads(1)


def _prepare(
    representations: Mapping[str, Source],
    measures: Mapping[str, Measure],
    permutations: int,
    memory: float,
    spatial: str | None,
    precision: str,
    labels: np.ndarray | None,
    report: Progress,
    cleanup: ExitStack,
    accelerator: bool,
) -> _Preparation:
    members = len(representations)
    found = _Preparation()
    free: deque[Scratch] = deque()
    loaded = _load_all(representations, measures, spatial, precision, labels, found, free)
    first = next(loaded)
    statistics = list(dict.fromkeys(measure.statistic for measure in measures.values()))
    for statistic in statistics:
        routed = statistic.route(first.samples, first.features, members, permutations)
        # Half of the memory is for shelves, half for the blocks in work.
        shelf = Shelf(members, memory / 2 / len(statistics))
        cleanup.callback(shelf.close)
        found.shelves.append((statistic, routed, shelf))
    if not accelerator:
        # The representation in float64, its Gram matrix, and what is made of them on the way.
        each = 4.0 * 8.0 * first.samples * (first.samples + first.features)
        found.threads = cleanup.enter_context(spread(useful(members, each, memory / 4)))

    def prepare(factors: Factors) -> tuple[list[Prepared], int, int, Scratch]:
        prepared = []
        for _, routed, _ in found.shelves:
            if routed.needs_variance and factors.constant:
                raise factors.degenerate("every sample has the same values, so it has no variance")
            prepared.append(routed.prepare(factors))
        return prepared, factors.features, factors.rank, factors.scratch

    every = itertools.chain([first], loaded)
    # What it computes is let go as soon as it is on the shelves.
    del first
    features, ranks = [], []
    for prepared, width, rank, scratch in found.threads.map(prepare, every):
        for (_, _, shelf), one in zip(found.shelves, prepared, strict=True):
            shelf.put(one)
        features.append(width)
        ranks.append(rank)
        free.append(scratch)
        report(len(ranks), members, "preparing")
    found.features = np.array(features, dtype=np.int64)
    found.ranks = np.array(ranks, dtype=np.int64)
    return found


def _load_all(
    representations: Mapping[str, Source],
    measures: Mapping[str, Measure],
    spatial: str | None,
    precision: str,
    labels: np.ndarray | None,
    found: _Preparation,
    free: deque[Scratch],
) -> Iterator[Factors]:
    """Loads one representation after the other and makes sure that it fits those before it."""
    known_ids: tuple[str, np.ndarray] | None = None
    first = next(iter(representations))
    classes = 0
    positioned = ""
    for index, (name, source) in enumerate(representations.items()):
        representation = load(source, name)
        if representation.ids is not None:
            if known_ids is None:
                known_ids = (name, representation.ids)
            check_ids(representation.ids, name, known_ids[1], known_ids[0])
        values = apply_policy(representation.values, spatial, name)
        if callable(source):
            # The next call may give the same memory with other values in it.
            values = np.array(values)
        scratch = free.popleft() if free else None
        factors = Factors(values, name, precision, labels, scratch)
        if index == 0:
            found.samples, classes = factors.samples, factors.features
            _check_samples(factors, measures)
        elif factors.samples != found.samples:
            raise ValueError(
                f"representation {name!r} has {factors.samples} samples, {first!r} has "
                f"{found.samples}; all are taken on the same samples"
            )
        if len(values) > len(representation.values):
            positions = len(values) // len(representation.values)
            if positioned and positions != found.positions:
                raise ValueError(
                    f"representation {name!r} has {positions} positions a sample, {positioned!r} "
                    f"has {found.positions}; all are taken on the same samples and positions"
                )
            positioned, found.positions = name, positions
        if factors.features != classes:
            _check_classes(factors, classes, first, measures)
        yield factors


def _check_samples(factors: Factors, measures: Mapping[str, Measure]) -> None:
    for measure in measures.values():
        least = measure.declaration.min_samples
        if factors.samples < least:
            raise ValueError(
                f"representation {factors.name!r} has {factors.samples} samples; "
                f"{measure.declaration.id} needs at least {least}"
            )


def _check_classes(
    factors: Factors, classes: int, first: str, measures: Mapping[str, Measure]
) -> None:
    for measure in measures.values():
        if measure.declaration.takes == "logits":
            raise ValueError(
                f"representation {factors.name!r} has {factors.features} classes, {first!r} has "
                f"{classes}; {measure.declaration.id} compares logits of the same classes"
            )


def _check_null(measures: Mapping[str, Measure]) -> None:
    for measure in measures.values():
        if not measure.declaration.ordered_samples:
            raise ValueError(
                f"measure {measure.declaration.id!r} has no row-permutation null: "
                "it is the same for any order of the samples"
            )


def _all_pairs(
    statistic: Statistic,
    measures: Mapping[str, Measure],
    shelf: Shelf,
    members: int,
    memory: float,
    held: int,
    executor: Executor | None,
    report: Progress,
    orders: np.ndarray,
    counters: Mapping[str, NullCounter],
    accelerator: bool,
    threads: Threads,
) -> dict[str, np.ndarray]:
    """The (members, members) values of the measures that share a statistic."""
    is_sent = statistic.is_sent or len(orders) > 0
    # Half of the memory is for tiles, and more where shelves are on disk; a quarter stays free for
    # what preparing still holds. Two tiles are in work, and where they are sent, a copy of each.
    room = max(memory / 2, 0.75 * memory - held)
    tiles = 4 if is_sent else 2
    length = int(np.clip(room // (tiles * max(shelf.largest, 1)), 1, statistic.tile))
    if is_sent:
        # Few representations make blocks enough to be spread, too.
        length = min(length, -(-members // 4))
    spans = [(start, min(start + length, members)) for start in range(0, members, length)]
    symmetric = statistic.symmetric and all(m.declaration.symmetric for m in measures.values())
    blocks = [(row, column) for row in spans for column in spans if column >= row or not symmetric]
    functions = [measure.value for measure in measures.values()]
    values = {id: np.zeros((members, members)) for id in measures}
    what = f"comparing {', '.join(measures)}"
    # Every block under way holds its column's tile: no more than there is room for.
    in_flight = int(np.clip(room // max(length * shelf.largest, 1) - 1, 1, _BLOCKS_IN_FLIGHT))
    finished = _run(
        statistic,
        functions,
        shelf,
        blocks,
        orders,
        executor if is_sent else None,
        accelerator,
        in_flight,
        threads if is_sent else Threads(1),
    )
    for done, ((row, column), (block, permuted)) in enumerate(finished, start=1):
        rows, columns = slice(*row), slice(*column)
        for k, id in enumerate(measures):
            values[id][rows, columns] = block[k]
            for sample in permuted:
                counters[id].add(rows, columns, block[k], sample[k])
        report(done, len(blocks), what)
    for id, measure in measures.items():
        if measure.declaration.symmetric:
            # Exactly symmetric, and what the upper triangle says where the lower was left out.
            upper = np.triu(values[id])
            values[id] = upper + np.triu(upper, 1).T
            counters[id].mirror()
    return values


def _run(
    statistic: Statistic,
    functions: Sequence[Value],
    shelf: Shelf,
    blocks: Sequence[tuple[tuple[int, int], tuple[int, int]]],
    orders: np.ndarray,
    executor: Executor | None,
    accelerator: bool,
    in_flight: int,
    threads: Threads,
) -> Iterator[tuple[tuple[tuple[int, int], tuple[int, int]], tuple[list, list]]]:
    """Compares blocks here, or in the executor with a bounded number under way."""
    held: dict[tuple[int, int], Tile] = {}

    def tile(span: tuple[int, int]) -> Tile:
        # Blocks come row by row: the row's tile is kept, the column's only while it is used.
        if span not in held:
            held[span] = shelf.tile(*span)
        return held[span]

    def tiles() -> Iterator[tuple[tuple[tuple[int, int], tuple[int, int]], Tile, Tile | None]]:
        for row, column in blocks:
            for span in [span for span in held if span != row]:
                del held[span]
            yield (row, column), tile(row), None if column == row else tile(column)

    def compare_here(
        block: tuple[tuple[tuple[int, int], tuple[int, int]], Tile, Tile | None],
    ) -> tuple[tuple[tuple[int, int], tuple[int, int]], tuple[list, list]]:
        place, left, right = block
        return place, compare_block(statistic, functions, left, right, orders, accelerator)

    if executor is None:
        yield from threads.map(compare_here, tiles(), min(in_flight, threads.count + 1))
        return

    limit = threads.blas_threads
    under_way: dict[Future, tuple[tuple[int, int], tuple[int, int]]] = {}
    try:
        for place, left, right in tiles():
            future = executor.submit(
                compare_block, statistic, functions, left, right, orders, accelerator, limit
            )
            under_way[future] = place
            if len(under_way) >= in_flight:
                finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
                for one in finished:
                    yield under_way.pop(one), one.result()
        while under_way:
            finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for one in finished:
                yield under_way.pop(one), one.result()
    finally:
        for future in under_way:
            future.cancel()


def compare_block(
    statistic: Statistic,
    functions: Sequence[Value],
    left: Tile,
    right: Tile | None,
    orders: np.ndarray,
    accelerator: bool = False,
    limit: int | None = None,
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Compares two tiles: the unit of work that is sent to an executor.

    Args:
        statistic: what is computed for each pair.
        functions: the values of measures, of that statistic.
        left: L prepared representations.
        right: R prepared representations; None on the diagonal, where they are the left ones.
        orders: (B, n) int64 orders of the rows of the right side, for the null.
        accelerator: whether products go through `keras.ops`.
        limit: of the BLAS's threads; None where it is what it is.

    Returns:
        The (L, R) values of each measure, and for each order the (L, R) values of each measure.
    """
    with arithmetic.use(accelerator), nullcontext() if limit is None else blas_threads(limit):
        return _compare_block(statistic, functions, left, left if right is None else right, orders)


def _compare_block(
    statistic: Statistic,
    functions: Sequence[Value],
    left: Tile,
    right: Tile,
    orders: np.ndarray,
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    table = statistic.compare(left, right)
    values = [function(table, left, right) for function in functions]
    permuted = []
    for order in orders:
        other = _permuted(statistic, right, order)
        table = statistic.compare(left, other)
        permuted.append([function(table, left, other) for function in functions])
    forget_order()
    return values, permuted


def _permuted(statistic: Statistic, tile: Tile, order: np.ndarray) -> Tile:
    return stack([statistic.permute(one, order) for one in unstack(tile)])
