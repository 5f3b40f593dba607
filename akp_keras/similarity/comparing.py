"""All pairs of a request, block by block: here, in threads, or in an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from akp_keras.similarity.blocks import Block, Resampling, Tables
from akp_keras.similarity.jackknife import groups_of_samples
from akp_keras.similarity.null import permutation_orders
from akp_keras.similarity.preparing import Preparation, Shelved
from akp_keras.similarity.request import Request
from akp_keras.similarity.rows import Rows
from akp_keras.similarity.statistic import Tile
from akp_keras.similarity.threads import Threads

_BLOCKS_IN_FLIGHT = 16
# Of rows that lie in files so much is read at a time, see `arithmetic.product_of_rows`.
_BYTES_READ = 65_536 * 8

# Representations on a shelf, from the first to before the second.
Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True)
class _Plan:
    """How the pairs of a statistic are cut into blocks.

    Attributes:
        blocks: spans of rows and of columns, row by row.
        is_read: whether tiles are read into memory where they lie in files.
        is_sent: whether blocks go to an executor or to threads.
        in_flight: how many blocks may be under way.
    """

    blocks: Sequence[tuple[Span, Span]]
    is_read: bool
    is_sent: bool
    in_flight: int


@dataclass(frozen=True)
class _Sides:
    """Which representations of a request stand on a shelf, and where.

    Attributes:
        rows: numbers of the rows that a statistic is defined for; they come first on the shelf.
        columns: the same of the columns.
        start: where the columns begin on the shelf.
    """

    rows: np.ndarray
    columns: np.ndarray
    start: int

    @property
    def stop(self) -> int:
        """Where the columns end on the shelf."""
        return self.start + len(self.columns)


def resampling(request: Request, preparation: Preparation) -> Resampling:
    """Draw the permutations and the groups of a request."""
    samples = preparation.samples // preparation.positions
    orders = permutation_orders(request.null, samples, request.seed, preparation.positions)
    groups = []
    if request.interval is not None:
        groups = groups_of_samples(samples, request.seed, preparation.positions)
    return Resampling(
        tuple(Rows(order, preparation.samples) for order in orders),
        tuple(Rows(rows, preparation.samples) for rows in groups),
        request.interval or 0.0,
    )


def compare_all(request: Request, preparation: Preparation) -> dict[str, Tables]:
    """Compare the pairs of a request.

    Returns:
        Name of the result -> (rows, columns) tables, NaN for representations on which the measure
        is not defined.
    """
    drawn = resampling(request, preparation)
    tables: dict[str, Tables] = {}
    for part in preparation.shelved:
        tables.update(_compare_part(request, preparation, part, drawn))
        part.shelf.close()
    return tables


def _compare_part(
    request: Request, preparation: Preparation, part: Shelved, drawn: Resampling
) -> dict[str, Tables]:
    """Compare the pairs under the measures that share a statistic."""
    shape = (len(request.rows), request.width)
    sides = _sides(request, part)
    if not len(sides.rows) or not len(sides.columns):
        return {name: {"value": np.full(shape, np.nan)} for name in part.measures}
    plan = _plan(request, preparation, part, sides, len(drawn) > 0)
    what = f"comparing {', '.join(part.measures)}"
    tables: dict[str, Tables] = {name: {} for name in part.measures}
    finished = _run(request, preparation.threads, part, plan, drawn)
    for done, ((row, column), block) in enumerate(finished, start=1):
        rows = sides.rows[slice(*row)]
        columns = sides.columns[column[0] - sides.start : column[1] - sides.start]
        for name, fields in block.items():
            for field, table in fields.items():
                whole = tables[name].setdefault(field, np.full(shape, np.nan))
                whole[np.ix_(rows, columns)] = table
        request.progress(done, len(plan.blocks), what)
    if request.is_square:
        for name, measure in part.measures.items():
            if measure.declaration.symmetric:
                # Exactly symmetric, and what the upper triangle says where the lower was left out.
                for field, table in tables[name].items():
                    upper = np.triu(table)
                    tables[name][field] = upper + np.triu(upper, 1).T
    return tables


def _sides(request: Request, part: Shelved) -> _Sides:
    def defined(numbers: range) -> np.ndarray:
        return np.array([i for i in numbers if i not in part.undefined], dtype=np.int64)

    numbers = request.column_numbers
    columns = defined(numbers)
    before = defined(range(numbers.start))
    return _Sides(defined(range(len(request.rows))), columns - numbers.start, len(before))


def _plan(
    request: Request, preparation: Preparation, part: Shelved, sides: _Sides, is_resampled: bool
) -> _Plan:
    statistic, shelf = part.statistic, part.shelf
    is_sent = statistic.is_sent or is_resampled
    is_read = is_resampled or not (shelf.is_on_disk and statistic.is_streamed)
    # Half of the memory is for tiles, and more where shelves are on disk; a quarter stays free for
    # what preparing still holds. Two tiles are in work, and where they are sent, a copy of each.
    held = sum(other.shelf.held for other in preparation.shelved)
    room = max(request.memory / 2, 0.75 * request.memory - held)
    tiles = 4 if is_sent else 2
    length = int(np.clip(room // (tiles * max(shelf.largest, 1)), 1, statistic.tile))
    if not is_read:
        # Stretches of all representations at a time: each is read once.
        length = int(max(room // (2 * _BYTES_READ * preparation.threads.count), 1))
    # Few representations make blocks enough to be spread, too.
    few = [-(-len(side) // 4) if is_sent else length for side in (sides.rows, sides.columns)]
    rows = _spans(0, len(sides.rows), min(length, few[0]))
    columns = _spans(sides.start, sides.stop, min(length, few[1]))
    is_halved = (
        request.is_square
        and statistic.symmetric
        and all(measure.declaration.symmetric for measure in part.measures.values())
    )
    return _Plan(
        [(row, column) for row in rows for column in columns if not is_halved or column >= row],
        is_read,
        is_sent,
        # Every block under way holds its column's tile: no more than memory has room for.
        int(np.clip(room // max(length * shelf.largest, 1) - 1, 1, _BLOCKS_IN_FLIGHT)),
    )


def _spans(start: int, stop: int, length: int) -> list[Span]:
    return [(begin, min(begin + length, stop)) for begin in range(start, stop, length)]


def _run(
    request: Request, threads: Threads, part: Shelved, plan: _Plan, drawn: Resampling
) -> Iterator[tuple[tuple[Span, Span], dict[str, Tables]]]:
    """Compare blocks here, in threads, or in the executor with a bounded number under way."""
    executor = request.executor if plan.is_sent else None
    # An executor's processes limit their BLAS themselves.
    limit = None if executor is None else threads.blas_threads

    def blocks() -> Iterator[tuple[tuple[Span, Span], Block]]:
        for place, left, right in _tiles(part, plan):
            yield (
                place,
                Block(
                    part.statistic,
                    part.measures,
                    left,
                    right,
                    drawn,
                    request.precision,
                    request.accelerator,
                    limit,
                ),
            )

    if executor is None:
        here = threads if plan.is_sent else Threads(1)
        yield from here.map(_compared, blocks(), min(plan.in_flight, here.count + 1))
        return
    under_way: dict[Future, tuple[Span, Span]] = {}
    try:
        for place, block in blocks():
            under_way[executor.submit(Block.compare, block)] = place
            if len(under_way) >= plan.in_flight:
                yield from _finished(under_way)
        while under_way:
            yield from _finished(under_way)
    finally:
        for future in under_way:
            future.cancel()


def _compared(
    item: tuple[tuple[Span, Span], Block],
) -> tuple[tuple[Span, Span], dict[str, Tables]]:
    place, block = item
    return place, block.compare()


def _finished(
    under_way: dict[Future, tuple[Span, Span]],
) -> Iterator[tuple[tuple[Span, Span], dict[str, Tables]]]:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        yield under_way.pop(future), future.result()


def _tiles(part: Shelved, plan: _Plan) -> Iterator[tuple[tuple[Span, Span], Tile, Tile | None]]:
    # Blocks come row by row: the row's tile is kept, the column's only while it is compared.
    kept: tuple[Span, Tile] | None = None
    for row, column in plan.blocks:
        if kept is None or kept[0] != row:
            kept = row, part.shelf.tile(*row, in_memory=plan.is_read)
        other = None if column == row else part.shelf.tile(*column, in_memory=plan.is_read)
        yield (row, column), kept[1], other
