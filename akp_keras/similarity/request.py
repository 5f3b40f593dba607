"""What is asked of a comparison, checked before any work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

import numpy as np

from akp_keras.similarity import arithmetic, registry
from akp_keras.similarity.identifiers import suggest
from akp_keras.similarity.measure import Measure
from akp_keras.similarity.registry import MeasureLike
from akp_keras.similarity.representation import Source
from akp_keras.similarity.spatial import check_policy

Progress = Callable[[int, int, str], None]

PRECISIONS = ("float64", "float32")
UNDEFINED = ("raise", "nan")


def _silent(done: int, total: int, what: str) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Request:
    """The arguments of `engine.pairwise`, checked.

    Attributes:
        rows: name -> representation.
        columns: name -> representation; empty where the rows are compared with one another.
        reference: the name of the row with which all rows are compared, or None.
        measures: name of the result -> measure.
        memory: bytes, the bound on prepared factors and blocks.
        spatial: what becomes of positions, or None.
        channels_first: whether positions come after channels; None where nothing was said.
        labels: (n,) the samples' classes, or None.
        precision: of what is kept of representations, "float64" or "float32".
        null: row permutations, 0 for none.
        interval: the level of jackknife intervals, or None.
        seed: of the permutations and the groups of the jackknife.
        undefined: "raise", or "nan" where representations on which a measure is not defined are
            left out.
        executor: where blocks are compared, or None.
        threads: how many threads may be used, or None for one per core.
        accelerator: whether products go through `keras.ops`.
        progress: called as progress(done, total, what).
    """

    rows: Mapping[str, Source]
    columns: Mapping[str, Source]
    reference: str | None
    measures: Mapping[str, Measure]
    memory: float
    spatial: str | None = None
    channels_first: bool | None = None
    labels: np.ndarray | None = None
    precision: str = "float64"
    null: int = 0
    interval: float | None = None
    seed: int = 0
    undefined: str = "raise"
    executor: Executor | None = None
    threads: int | None = None
    accelerator: bool = False
    progress: Progress = field(default=_silent)

    @property
    def is_square(self) -> bool:
        """Whether the rows are compared with one another."""
        return not self.columns and self.reference is None

    @property
    def pairs(self) -> float:
        """How many pairs are compared, with those of the null."""
        members = len(self.rows)
        pairs = members * (members - 1) / 2 if self.is_square else members * self.width
        return pairs * (1 + self.null)

    @property
    def width(self) -> int:
        """How many columns a result has."""
        return len(self.column_names)

    @property
    def column_names(self) -> Sequence[str]:
        """Names of the columns of a result."""
        if self.reference is not None:
            return [self.reference]
        return list(self.columns or self.rows)

    @property
    def column_numbers(self) -> range:
        """Which of the `sources` the columns are."""
        count = len(self.rows)
        if self.reference is not None:
            number = list(self.rows).index(self.reference)
            return range(number, number + 1)
        return range(count, count + len(self.columns)) if self.columns else range(count)

    @property
    def sources(self) -> list[tuple[str, Source]]:
        """The representations that are prepared, rows before columns, with names for messages."""
        columns = [
            (f"{name} (column)" if name in self.rows else name, source)
            for name, source in self.columns.items()
        ]
        return [*self.rows.items(), *columns]


def checked_request(
    rows: Any,
    measures: Sequence[MeasureLike],
    *,
    columns: Any = None,
    reference: Any = None,
    memory_gb: Any = 4.0,
    device: str = "auto",
    labels: Any = None,
    progress: Progress | None = None,
    **options: Any,
) -> Request:
    """Make a request of what a user passed.

    Args:
        rows: as `engine.pairwise` takes them, as all others.
        measures: the same.
        columns: the same.
        reference: the same.
        memory_gb: the same.
        device: the same.
        labels: the same.
        progress: the same.
        **options: further fields of `Request`, by name.

    Raises:
        ValueError: in one line that names the argument, what is wrong with it and what would be
            right.
    """
    _check_mapping("representations", rows)
    if columns is not None:
        _check_mapping("columns", columns)
    elif reference is None and len(rows) < 2:
        raise ValueError(f"two representations or more are needed, not {len(rows)}")
    if reference is not None:
        _check_reference(reference, rows, columns)
    request = Request(
        rows=rows,
        columns=columns or {},
        reference=reference,
        measures=registry.resolve(measures),
        memory=_positive("memory_gb", memory_gb) * 2**30,
        accelerator=arithmetic.is_accelerator(device),
        labels=None if labels is None else np.asarray(labels),
        progress=progress or _silent,
        **options,
    )
    check_policy(request.spatial)
    _check_choice("precision", request.precision, PRECISIONS)
    _check_choice("undefined", request.undefined, UNDEFINED)
    _check_whole("null", request.null, 0)
    _check_whole("seed", request.seed, 0)
    if request.threads is not None:
        _check_whole("threads", request.threads, 1)
    if request.channels_first not in (None, True, False):
        raise ValueError(f"channels_first is {request.channels_first!r}; True or False is needed")
    if request.interval is not None:
        _check_level(request.interval)
        _check_intervals(request.measures)
    if request.null:
        _check_null(request.measures)
    return request


def _check_mapping(name: str, representations: Any) -> None:
    if not isinstance(representations, Mapping):
        raise ValueError(
            f"{name} are a {type(representations).__name__}; a mapping "
            "name -> representation is needed"
        )
    if not representations:
        raise ValueError(f"{name} are empty; a mapping name -> representation is needed")


def _check_reference(reference: Any, rows: Mapping[str, Source], columns: Any) -> None:
    if columns is not None:
        raise ValueError(
            "columns and reference are both passed; a reference is one of the rows: pass one or "
            "the other"
        )
    if reference not in rows:
        raise ValueError(
            f"reference is {reference!r}, which is none of the representations"
            f"{suggest(str(reference), list(map(str, rows)))}"
        )


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not value > 0:
        raise ValueError(f"{name} is {value!r}; a positive number is needed")
    return float(value)


def _check_whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; a whole number, {least} or more, is needed")


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is one of {', '.join(choices)}, not {value!r}")


def _check_level(level: Any) -> None:
    if isinstance(level, bool) or not isinstance(level, Real) or not 0.0 < level < 1.0:
        raise ValueError(
            f"interval is {level!r}; the level of the interval is needed, such as 0.95, or None"
        )


def _check_intervals(measures: Mapping[str, Measure]) -> None:
    for measure in measures.values():
        if not measure.statistic.selects:
            raise ValueError(
                f"measure {measure.declaration.id!r} has no interval over samples: what it keeps "
                "of fewer samples does not follow from what it keeps of all"
            )


def _check_null(measures: Mapping[str, Measure]) -> None:
    for measure in measures.values():
        if not measure.declaration.ordered_samples:
            raise ValueError(
                f"measure {measure.declaration.id!r} has no row-permutation null: "
                "it is the same for any order of the samples"
            )
