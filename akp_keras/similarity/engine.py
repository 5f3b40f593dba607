"""The two calls: two representations compared, and all pairs of many."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack

import numpy as np

from akp_keras.similarity import arithmetic
from akp_keras.similarity.blocks import Tables
from akp_keras.similarity.comparing import compare_all
from akp_keras.similarity.jackknife import INTERVAL_FIELDS, number_of_groups
from akp_keras.similarity.measure import Measure
from akp_keras.similarity.null import NULL_FIELDS
from akp_keras.similarity.preparing import Preparation, prepare_all
from akp_keras.similarity.registry import MeasureLike, find
from akp_keras.similarity.representation import Source
from akp_keras.similarity.request import Progress, Request, checked_request
from akp_keras.similarity.result import (
    Comparison,
    Intervals,
    PermutationNull,
    Results,
    SimilarityResult,
)


def compare(
    x: Source,
    y: Source,
    measure: MeasureLike,
    spatial: str | None = None,
    *,
    labels: np.ndarray | None = None,
    null: int = 0,
    interval: float | None = None,
    seed: int = 0,
    channels_first: bool | None = None,
) -> float | Comparison:
    """Compare two representations.

    Args:
        x: (n, p) real numbers, or (n, …, c) with `spatial`; see `representation.Source`.
        y: (n, q) or (n, …, c), the same n samples in the same order.
        measure: identifier of a measure, or a `Measure`.
        spatial: what becomes of positions, one of `SPATIAL_POLICIES`.
        labels: (n,) the samples' classes, for measures of errors.
        null: number of row permutations, as `pairwise` takes it.
        interval: level of an interval over samples, as `pairwise` takes it.
        seed: of the permutations and of the groups of the interval.
        channels_first: whether channels come before positions, as `pairwise` takes it.

    Returns:
        The value of the measure for (x, y); with `null` or `interval` a `Comparison`.

    Raises:
        ValueError: if the measure is not known, or is not defined for x or y, in one line that
            names which and why.

    Warns:
        UserWarning: if the measure is perfect for any data, since a rank is n − 1.
    """
    measure = find(measure)
    result = pairwise(
        {"x": x},
        [measure],
        columns={"y": y},
        spatial=spatial,
        labels=labels,
        null=null,
        interval=interval,
        seed=seed,
        channels_first=channels_first,
    )[measure]
    if measure.declaration.saturates:
        _warn_of_ranks(result)
    value = float(result.values[0, 0])
    if result.null is None and result.interval is None:
        return value
    return _comparison(result, value)


def _comparison(result: SimilarityResult, value: float) -> Comparison:
    pvalue = calibrated = interval = error = None
    if result.null is not None:
        pvalue = float(result.null.pvalues[0, 0])
        if result.declaration.self_value is not None:
            calibrated = float(result.calibrated()[0, 0])
    if result.interval is not None:
        interval = float(result.interval.low[0, 0]), float(result.interval.high[0, 0])
        error = float(result.interval.error[0, 0])
    return Comparison(result.id, value, pvalue, calibrated, interval, error)


def _warn_of_ranks(result: SimilarityResult) -> None:
    ranks = {"x": result.ranks[0], "y": result.column_ranks[0]}
    if result.declaration.saturates == "right":
        del ranks["x"]
    for name, rank in ranks.items():
        if rank == result.samples - 1:
            warnings.warn(
                f"{result.id} is perfect for any data where a rank is n − 1, and that of {name!r} "
                f"is {rank} of {result.samples} samples: take more samples or fewer features",
                stacklevel=3,
            )


def pairwise(
    representations: Mapping[str, Source],
    measures: Sequence[MeasureLike],
    memory_gb: float = 4.0,
    spatial: str | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    *,
    columns: Mapping[str, Source] | None = None,
    reference: str | None = None,
    null: int = 0,
    interval: float | None = None,
    seed: int = 0,
    undefined: str = "raise",
    precision: str = "float64",
    labels: np.ndarray | None = None,
    channels_first: bool | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Results:
    """Compare representations under several measures: all pairs, or rows with columns.

    Each representation is loaded once, here, prepared for all measures, and let go. Pairs are
    compared in blocks whose shape depends on the sizes and on `memory_gb` alone, so the results
    are the same bytes for any executor on machines of one kind. Representations are prepared and
    blocks compared side by side, in a thread per core, where they are enough; where NumPy's BLAS is
    limited to one thread (threadpoolctl, OPENBLAS_NUM_THREADS), the number of threads changes no
    byte.

    Args:
        representations: name -> representation (see `representation.Source`), the same n samples
            in the same order; a function without arguments is called when it is needed, and taken
            for as wide as the first representation in the choice of the cheapest route.
        measures: identifiers of measures, patterns such as "cka.*", and `Measure` objects.
        memory_gb: bound on the memory of prepared factors and blocks, in GiB; factors that do
            not fit are kept in temporary files. A single representation being prepared comes on
            top; several side by side take a quarter of it.
        spatial: what becomes of positions, one of `SPATIAL_POLICIES`; representations without
            positions are taken as they are.
        executor: where blocks of pairs are compared; by default in threads here. Where a block
            is one product, it is done here before its operands could be sent.
        progress: called as progress(done, total, what).
        columns: name -> representation; then `representations` are the rows, and each of them is
            compared with each of these, and nothing else. Names may be the same on both sides.
        reference: the name of a representation; then all are compared with this one alone.
        null: number of row permutations for the null of every measure; 0 for none. With
            `spatial="positions"` whole samples are permuted, their positions stay together.
        interval: level of intervals over samples, such as 0.95, by the jackknife; None for none.
            It says how far values may be from those of the population the samples are from.
        seed: of the permutations and of the groups of the jackknife.
        undefined: "raise", or "nan": then representations on which a measure is not defined have
            NaN, and the result says why.
        precision: "float64", or "float32" for what is kept of representations, and its products,
            in float32 (half of the memory). Similarities agree to 1e-5, distances to 1e-4 of the
            largest, and to 2e-3 of it between nearly equal representations.
        labels: (n,) the samples' classes, for measures of errors.
        channels_first: whether values are (n, c, …), as PyTorch's maps are; by default they are
            (n, …, c), and PyTorch's maps are refused where it matters.
        device: where products are computed, "cpu", "accelerator" (`keras.ops` on Keras' default
            device) or "auto": the accelerator where Keras is loaded and lists a GPU or a TPU,
            which not every machine rounds alike.
        threads: how many threads may be used; by default one per core that this process may use.

    Returns:
        Identifier as written, or canonical for what a pattern stands for, -> `SimilarityResult`.

    Raises:
        ValueError: if a measure is not known, or not defined for a representation, in one line
            that names which and why.
    """
    request = checked_request(
        representations,
        measures,
        columns=columns,
        reference=reference,
        memory_gb=memory_gb,
        spatial=spatial,
        executor=executor,
        progress=progress,
        null=null,
        interval=interval,
        seed=seed,
        undefined=undefined,
        precision=precision,
        labels=labels,
        channels_first=channels_first,
        device=device,
        threads=threads,
    )
    with ExitStack() as cleanup:
        cleanup.enter_context(arithmetic.computing_on(request.accelerator))
        preparation = prepare_all(request, cleanup)
        tables = compare_all(request, preparation)
    return Results(
        {name: _result(request, preparation, name, tables[name]) for name in request.measures}
    )


def _result(
    request: Request, preparation: Preparation, name: str, tables: Tables
) -> SimilarityResult:
    measure = request.measures[name]
    count, columns = len(request.rows), list(request.column_numbers)
    return SimilarityResult(
        declaration=measure.declaration,
        names=tuple(request.rows),
        columns=tuple(request.column_names),
        values=tables["value"],
        samples=preparation.samples,
        features=preparation.features[:count],
        ranks=preparation.ranks[:count],
        column_features=preparation.features[columns],
        column_ranks=preparation.ranks[columns],
        spatial=request.spatial,
        undefined=_undefined(request, preparation.undefined(name), measure, tables["value"]),
        null=_null(request, tables),
        interval=_intervals(request, preparation, tables),
        is_square=request.is_square,
    )


def _undefined(
    request: Request, reasons: Mapping[int, str], measure: Measure, values: np.ndarray
) -> dict[str, str]:
    """Say for which representations and pairs a measure is not defined, and put NaN there."""
    undefined = {request.sources[number][0]: reason for number, reason in reasons.items()}
    missing = ~np.isfinite(values)
    if measure.declaration.takes == "logits" or "scale" in measure.declaration.invariances:
        # There infinity is a value, and not one too large for floats.
        missing = np.isnan(values)
    missing[[i for i in reasons if i < len(missing)]] = False
    missing[:, [j for j, number in enumerate(request.column_numbers) if number in reasons]] = False
    rows, columns = list(request.rows), list(request.column_names)
    for i, j in np.argwhere(missing):
        if request.undefined == "raise":
            raise ValueError(
                f"{measure.declaration.id} of {rows[i]!r} and {columns[j]!r} is not a number: "
                f"{measure.undefined}"
            )
        values[i, j] = np.nan
        undefined[f"{rows[i]}, {columns[j]}"] = measure.undefined
    return undefined


def _null(request: Request, tables: Tables) -> PermutationNull | None:
    if not request.null:
        return None
    return PermutationNull(
        request.null, **{field: _table(tables, f"null.{field}") for field in NULL_FIELDS}
    )


def _intervals(request: Request, preparation: Preparation, tables: Tables) -> Intervals | None:
    if request.interval is None:
        return None
    groups = number_of_groups(preparation.samples // preparation.positions)
    fields = {field: _table(tables, f"interval.{field}") for field in INTERVAL_FIELDS}
    return Intervals(request.interval, groups, **fields)


def _table(tables: Tables, name: str) -> np.ndarray:
    # Of a measure that is defined for no representation nothing was computed.
    return tables.get(name, np.full(tables["value"].shape, np.nan))
