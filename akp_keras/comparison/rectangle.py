"""Layers of models against layers of other models, or a series of models against one of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from threadpoolctl import threadpool_limits

from akp_keras import similarity
from akp_keras.comparison.evaluation import (
    MATRICES,
    REPRESENTATIONS,
    SUMMARY,
    Progress,
    check_arguments,
    open_probe,
    result_folder,
    silent,
)
from akp_keras.comparison.layers import distances
from akp_keras.comparison.probe_inputs import ProbeInputs
from akp_keras.comparison.representations import (
    kept_folder,
    representation_path,
    take_representations,
)
from akp_keras.comparison.saved_models import NamedModel, find_saved_models
from akp_keras.comparison.summary import describe, mean
from akp_keras.export.saved_model import REPRESENTATIONS_SIGNATURE
from akp_keras.files.folders import check_output
from akp_keras.files.whole import write_json
from akp_keras.hints import hint

HEAT_MAPS = "heat_maps"
# No member's folder begins with a dot.
_AGAINST = ".against"
_SIDES = ("members", "against")

Sources = str | Path | Sequence[str | Path] | Mapping[str, str | Path]


@dataclass(frozen=True)
class Rectangle:
    """Rows compared with columns under one measure.

    Attributes:
        measure: id of the measure.
        rows: (R,) labels: layers, or models against a reference.
        columns: (C,) labels of layers.
        row_title: what the rows are.
        column_title: what the columns are.
        values: (R, C) float64, the measure; NaN where it is not defined.
        distances: (R, C) float64, its default distance form; all NaN if it declares none.
    """

    measure: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    row_title: str
    column_title: str
    values: np.ndarray
    distances: np.ndarray


Picture = Callable[[Rectangle, Path], None]


def no_picture(rectangle: Rectangle, path: Path) -> None:
    """Draw nothing."""


@dataclass(frozen=True)
class _Layer:
    """One layer of one model, on disk."""

    model: str
    layer: str
    path: Path

    @property
    def name(self) -> str:
        return f"{self.layer} of {self.model}"


@dataclass(frozen=True)
class _Side:
    """The models of the rows or of the columns, and the layers that they have in common."""

    models: tuple[NamedModel, ...]
    layers: tuple[str, ...]
    folder: Path

    def at(self, *layers: str) -> list[_Layer]:
        """Return these layers of every model."""
        return [
            _Layer(model.name, layer, representation_path(self.folder, model.name, layer))
            for model in self.models
            for layer in layers
        ]

    @property
    def labels(self) -> tuple[str, ...]:
        """All layers, with their models if there are several."""
        if len(self.models) == 1:
            return self.layers
        return tuple(item.name for item in self.at(*self.layers))

    @property
    def title(self) -> str:
        """What the labels are."""
        return f"layers of {self.models[0].name}" if len(self.models) == 1 else "layers"


@dataclass(frozen=True)
class _Block:
    """Every row compared with every column, by one call."""

    rows: list[_Layer]
    columns: list[_Layer]
    results: similarity.Results


def evaluate_against(
    saved_models: Sources,
    probe: str | Path | np.ndarray | Mapping[str, np.ndarray],
    measures: Sequence[str],
    output: str | Path,
    *,
    executor: Executor,
    against: Sources | None = None,
    reference: str | None = None,
    families: Sequence[str] = (),
    layers: Sequence[str] | None = None,
    against_layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    against_signature: str | None = None,
    trust: Sequence[str] = (),
    spatial: str = "flatten",
    null: int = 0,
    interval: float | None = None,
    seed: int = 0,
    memory_gb: float = 4.0,
    representations: str | Path | None = None,
    progress: Progress = silent,
    picture: Picture = no_picture,
) -> dict[str, Any]:
    """Compare layers with the layers of other models, or models with one of them.

    With `against`, every layer of `saved_models` is compared with every layer of these models. With
    `reference`, every model is compared with the model of that name, at the same layer. No other
    pair is computed. The output folder is created whole, by rename, or not at all:

        similarity.parquet, similarity.csv one row per pair and measure: measure, model_a, layer_a,
                                           model_b, layer_b, value, distance; with a null null_mean
                                           and null_pvalue; with intervals low and high
        similarity/<measure>.npz           a `Rectangle`, one array per attribute
        heat_maps/<measure>.png            what `picture` draws
        summary.json                       the returned summary

    Where a measure is not defined, as for a dead layer, its value is empty, and the summary has the
    reason.

    Args:
        saved_models: at least one model, as `evaluate_similarity` takes them.
        probe: as `evaluate_similarity` takes it, as all arguments that are not described here.
        measures: ids of measures.
        output: the folder to write.
        executor: runs one task per model, and the comparison of pairs.
        against: the models of the columns, as `saved_models`; None with a reference.
        reference: name of one of `saved_models`; None with `against`.
        families: the order of families among `saved_models`.
        layers: outputs of `saved_models` to compare; by default all of the first model.
        against_layers: outputs of `against` to compare; by default all of the first model.
        signature: name of the signature of `saved_models`.
        against_signature: name of the signature of `against`; by default the same.
        trust: names of operations that models may have although they write or read files or call
            out; models with others are refused.
        spatial: spatial policy for (n, h, w, c) outputs.
        null: row permutations for the null distribution of every measure; 0 for none.
        interval: level of intervals over samples; None for none.
        seed: seed of the permutations and of the groups of the intervals, from 0.
        memory_gb: bound on the memory of the comparison in GiB.
        representations: a folder in which representations are kept for later.
        progress: shows the progress.
        picture: called with each `Rectangle` and the path of its heat map.

    Returns:
        The summary: models and layers of both sides, the number of `pairs`, and per measure the
        mean value and distance, and what is excluded, with the reason.

    Raises:
        ValueError: in one line that names the model, file, layer or measure that does not fit;
            nothing is then written.
    """
    measures = check_arguments(
        measures, [layers, against_layers], spatial, null, interval, seed, memory_gb
    )
    if (against is None) == (reference is None):
        raise ValueError("pass against= or reference=, one of the two")
    rows = find_saved_models(saved_models, families, beside=against or (), least=1)
    columns = ()
    if against is not None:
        columns = find_saved_models(against, beside=saved_models, least=1)
    elif reference not in (names := [model.name for model in rows]):
        raise ValueError(f"reference={reference} is no SavedModel's name; {hint(reference, names)}")
    inputs = open_probe(probe)
    check_output(output)
    against_signature = against_signature or signature
    options = {"spatial": spatial, "null": null, "interval": interval, "seed": seed}
    description = describe(
        rows,
        inputs,
        measures=measures,
        against=[model.name for model in columns],
        reference=reference,
        signature=signature,
        against_signature=against_signature,
        **options,
    )
    # What representations depend on, apart from each model's own bytes.
    request = {"probe": inputs.digest()} | {side: description[side] for side in _SIDES}
    with result_folder(output, request) as (folder, result):
        answers = folder / REPRESENTATIONS
        if representations is not None:
            answers = kept_folder(representations, inputs)
        with progress("representations", len(rows) + len(columns)) as done:
            take = functools.partial(_take, inputs, executor, done, trust)
            row_side = take(rows, answers, layers, signature)
            # Apart: models of two runs may have the same names.
            column_side = take(columns, answers / _AGAINST, against_layers, against_signature)
        pairs = _pairs(row_side, column_side, reference)
        with progress("matrices", len(pairs)) as done:
            compare = functools.partial(
                _compare,
                measures,
                memory_gb=memory_gb,
                executor=executor,
                labels=inputs.labels,
                **options,
            )
            blocks = []
            for some_rows, some_columns in pairs:
                blocks.append(compare(some_rows, some_columns))
                done(some_columns[0].layer)
        _write_table(result, blocks)
        for rectangle in _rectangles(row_side, column_side, reference, blocks):
            _write_rectangle(result, rectangle, picture)
        summary = {
            **description,
            "layers": list(row_side.layers),
            "against_layers": list(column_side.layers),
            "pairs": sum(len(block.rows) * len(block.columns) for block in blocks),
            "similarity": [_summarise(measure, blocks) for measure in measures],
        }
        write_json(result / SUMMARY, summary)
    return summary


def _take(
    inputs: ProbeInputs,
    executor: Executor,
    done: Callable[[str], None],
    trust: Sequence[str],
    models: tuple[NamedModel, ...],
    folder: Path,
    layers: Sequence[str] | None,
    signature: str,
) -> _Side:
    if not models:
        return _Side((), (), folder)
    taken = take_representations(
        {model.name: model.path for model in models},
        inputs.arrays,
        folder,
        executor=executor,
        layers=layers,
        signature=signature,
        trust=trust,
        done=done,
    )
    return _Side(models, taken, folder)


def _pairs(
    rows: _Side, columns: _Side, reference: str | None
) -> list[tuple[list[_Layer], list[_Layer]]]:
    """Return rows and columns for each call of the comparison."""
    if reference is None:
        return [(rows.at(*rows.layers), columns.at(*columns.layers))]
    return [
        (models, [item for item in models if item.model == reference])
        for models in map(rows.at, rows.layers)
    ]


def _compare(
    measures: Sequence[str], rows: list[_Layer], columns: list[_Layer], **options: Any
) -> _Block:
    sources = {item.name: _opened(item) for item in rows}
    if columns[0] in rows:
        # Prepared once, though it is on both sides.
        options["reference"] = columns[0].name
    else:
        options["columns"] = {item.name: _opened(item) for item in columns}
    # Last digits of results depend on the number of threads.
    with threadpool_limits(1, "blas"):
        results = similarity.pairwise(sources, measures, undefined="nan", **options)
    for measure, result in results.items():
        if np.isnan(result.values).all():
            name, reason = next(iter(result.undefined.items()))
            raise ValueError(f"no pair has a value of {measure}; {name}: {reason}")
    return _Block(rows, columns, results)


def _opened(item: _Layer) -> np.ndarray:
    # Not a function that opens it: of arrays the widths are known before they are read, and layers
    # differ in width.
    return np.load(item.path, mmap_mode="r")


def _write_table(folder: Path, blocks: Sequence[_Block]) -> None:
    tables = []
    for block in blocks:
        frame = block.results.to_frame().rename(columns={"pvalue": "null_pvalue"})
        sides = {
            "a": [row for row in block.rows for _ in block.columns],
            "b": [column for _ in block.rows for column in block.columns],
        }
        cells = {"measure": frame.pop("measure")}
        for side, items in sides.items():
            for field in ("model", "layer"):
                names = [getattr(item, field) for item in items]
                cells[f"{field}_{side}"] = names * len(block.results)
        frame = frame.drop(columns=["row", "column"])
        cells |= {name: pa.array(frame[name], pa.float64(), from_pandas=True) for name in frame}
        tables.append(pa.table(cells))
    table = pa.concat_tables(tables)
    pyarrow.parquet.write_table(table, folder / "similarity.parquet")
    pyarrow.csv.write_csv(table, folder / "similarity.csv")


def _rectangles(
    rows: _Side, columns: _Side, reference: str | None, blocks: Sequence[_Block]
) -> Iterator[Rectangle]:
    if reference is None:
        names = (rows.labels, columns.labels, rows.title, columns.title)
    else:
        models = tuple(model.name for model in rows.models)
        names = (models, rows.layers, "models", f"layers, against {reference}")
    for measure in blocks[0].results:
        results = [block.results[measure] for block in blocks]
        values = np.hstack([result.values for result in results])
        yield Rectangle(measure, *names, values, np.hstack(list(map(distances, results))))


def _write_rectangle(folder: Path, rectangle: Rectangle, picture: Picture) -> None:
    for name in (MATRICES, HEAT_MAPS):
        (folder / name).mkdir(exist_ok=True)
    np.savez(folder / MATRICES / f"{rectangle.measure}.npz", **dataclasses.asdict(rectangle))
    picture(rectangle, folder / HEAT_MAPS / f"{rectangle.measure}.png")


def _summarise(measure: str, blocks: Sequence[_Block]) -> dict[str, Any]:
    results = [block.results[measure] for block in blocks]
    values = np.concatenate([result.values.ravel() for result in results])
    known = ~np.isnan(values)
    return {
        "measure": measure,
        "mean_value": mean(values[known]),
        "mean_distance": mean(np.concatenate([distances(it).ravel() for it in results])[known]),
        "excluded": {name: reason for it in results for name, reason in it.undefined.items()},
    }
