"""A tidy table of all pairs, in Parquet and CSV, written matrix by matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from akp_keras import similarity
from akp_keras.comparison.layers import Compared

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("layer", "measure")),
        *((name, pa.string()) for name in ("member_a", "member_b", "family_a", "family_b")),
        *((name, pa.float64()) for name in ("value", "distance")),
    ]
)
_NULL = ("null_mean", "null_deviation", "null_pvalue")
_INTERVAL = ("low", "high")


class PairTable:
    """Writes `similarity.parquet` and `similarity.csv`; a context manager.

    One row per pair of members, layer and measure: each pair once, or in both orders for a
    measure that is not symmetric. `distance` is empty for a measure that declares none. With a
    null, `null_mean` and `null_deviation` describe the value over permutations of the rows of one
    representation, and `null_pvalue` is the fraction at least as similar, as in
    `similarity.PermutationNull`. With intervals, `low` and `high` are their ends.

    Args:
        folder: the folder of the two files.
        families: member name -> family.
        null: whether to write the columns of the null.
        interval: whether to write the columns of the intervals.
    """

    def __init__(
        self, folder: Path, families: Mapping[str, str], *, null: bool, interval: bool = False
    ) -> None:
        self._families = families
        more = [*(_NULL if null else ()), *(_INTERVAL if interval else ())]
        self._schema = pa.schema([*_SCHEMA, *((name, pa.float64()) for name in more)])
        self._parquet = pyarrow.parquet.ParquetWriter(folder / "similarity.parquet", self._schema)
        self._csv = pyarrow.csv.CSVWriter(folder / "similarity.csv", self._schema)

    def __enter__(self) -> PairTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parquet.close()
        self._csv.close()

    def add(self, compared: Compared) -> None:
        """Write the pairs of one matrix."""
        matrix = compared.matrix
        rows, columns = pairs(matrix.measure, len(matrix.members))
        members = np.array(matrix.members, dtype=object)
        families = np.array([self._families[name] for name in matrix.members], dtype=object)
        distances = matrix.distances[rows, columns]
        cells = {
            "layer": [matrix.layer] * len(rows),
            "measure": [matrix.measure] * len(rows),
            "member_a": members[rows],
            "member_b": members[columns],
            "family_a": families[rows],
            "family_b": families[columns],
            "value": matrix.values[rows, columns],
            "distance": pa.array(distances, mask=np.isnan(distances)),
        }
        if compared.null is not None:
            cells |= {
                "null_mean": compared.null.mean[rows, columns],
                "null_deviation": compared.null.deviation[rows, columns],
                "null_pvalue": compared.null.pvalues[rows, columns],
            }
        if compared.interval is not None:
            cells |= {
                "low": compared.interval.low[rows, columns],
                "high": compared.interval.high[rows, columns],
            }
        table = pa.table(cells, schema=self._schema)
        self._parquet.write_table(table)
        self._csv.write_table(table)


def pairs(measure: str, members: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the pairs that a measure distinguishes, off the diagonal."""
    if similarity.measure(measure).symmetric:
        return np.triu_indices(members, 1)
    return np.nonzero(~np.eye(members, dtype=bool))
