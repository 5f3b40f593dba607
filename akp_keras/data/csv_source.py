"""`csv:<file>[label=…,group=…,id=…]`: measurements in a table, one row per sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from akp_keras.bracketed_options import split_options
from akp_keras.data.records import DataSet
from akp_keras.data.samples import Samples
from akp_keras.data.splitting import make_dataset
from akp_keras.failures import one_line
from akp_keras.files.below import content_digest
from akp_keras.hints import hint


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load a table with a header; arguments as in `akp_keras.data.load_dataset`.

    The options name the columns of labels (by default `label`), groups and ids. All other columns
    are numeric features.
    """
    path, columns = _path_and_columns(name)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:  # of pandas' parser, or of the decoding
        raise ValueError(f"{path} is not a table ({one_line(error)})") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError(f"{path}: rows have more cells than the header has columns")
    table = table.fillna("")  # the missing last cells of short rows
    for role, column in columns.items():
        if column not in table:
            raise ValueError(
                f"{path} has no column {column!r}; {hint(column, table)}; name the column, as in "
                f"'csv:{path}[{role}={table.columns[-1]}]'"
            )
        _refuse(table[column].str.strip() == "", table[column], path, "a value")
    features = table.drop(columns=list(columns.values()))
    if features.empty:
        raise ValueError(f"{path} has no features beside {', '.join(columns.values())}, or no rows")
    named = {f"{role}s": table[column].to_numpy(dtype=np.str_) for role, column in columns.items()}
    return make_dataset(
        name,
        f"{len(table):,} samples with {features.shape[1]} measurements each, of {path.name}.",
        {"train": Samples(_numbers(features, path), **named | {"labels": _labels(named)})},
        seed=seed,
        max_samples=max_samples,
    )


def fingerprint(name: str) -> str:
    """Return a digest of the file's content."""
    return content_digest(_path_and_columns(name)[0])


def _path_and_columns(name: str) -> tuple[Path, dict[str, str]]:
    place, options = split_options(name.removeprefix("csv:"), ("label", "group", "id"))
    path = Path(place).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    columns = {"label": "label"} | options
    if len(set(columns.values())) < len(columns):
        raise ValueError(f"{name!r} names a column twice; label, group and id must differ")
    return path, columns


def _numbers(features: pd.DataFrame, path: Path) -> np.ndarray:
    columns = []
    for name in features:
        values = pd.to_numeric(features[name], errors="coerce").to_numpy(np.float64)
        _refuse(~np.isfinite(values), features[name], path, "a finite number")
        columns.append(values)
    return np.column_stack(columns)


def _labels(named: dict[str, np.ndarray]) -> np.ndarray:
    """Return whole numbers as integers, so that their classes are in numeric order."""
    try:
        return named["labels"].astype(np.int64)
    except ValueError:
        return named["labels"]


def _refuse(bad: pd.Series | np.ndarray, cells: pd.Series, path: Path, right: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{path}: row {row + 1}, column {cells.name!r} is {cells.iloc[row]!r}; it must be "
            f"{right}"
        )
