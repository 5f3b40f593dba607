"""One block of pairs: a tile of representations against another, with what is drawn again of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from akp_keras.similarity import arithmetic
from akp_keras.similarity.jackknife import jackknife
from akp_keras.similarity.measure import Measure
from akp_keras.similarity.null import NullTally
from akp_keras.similarity.rows import Rows
from akp_keras.similarity.statistic import Statistic, Tile, stack, unstack
from akp_keras.similarity.threads import blas_threads

# What is computed of pairs under a measure: "value", and the fields of `PermutationNull` and
# `Intervals` as "null.mean", "interval.low" and so on, (L, R) each.
Tables: TypeAlias = dict[str, np.ndarray]


@dataclass(frozen=True)
class Resampling:
    """How samples are drawn again, the same for every pair and measure.

    Attributes:
        orders: for each permutation of the null the rows of the right side in its order.
        groups: for each group of the jackknife the rows that stay when it is left out.
        level: of the intervals.
    """

    orders: tuple[Rows, ...] = ()
    groups: tuple[Rows, ...] = ()
    level: float = 0.0

    def __len__(self) -> int:
        return len(self.orders) + len(self.groups)


@dataclass(frozen=True)
class Block:
    """Two tiles to compare: the unit of work that is sent to an executor.

    Attributes:
        statistic: what is computed for each pair.
        measures: name of the result -> measure, all functions of that statistic.
        left: L prepared representations.
        right: R prepared representations; None on the diagonal, where they are the left ones.
        resampling: what is computed beside the values.
        precision: of what was prepared.
        accelerator: whether products go through `keras.ops`.
        blas_threads: to which the BLAS is limited; None where it is what it is.
    """

    statistic: Statistic
    measures: Mapping[str, Measure]
    left: Tile
    right: Tile | None
    resampling: Resampling = Resampling()
    precision: str = "float64"
    accelerator: bool = False
    blas_threads: int | None = None

    def compare(self) -> dict[str, Tables]:
        """Return the tables of each measure."""
        limit = nullcontext() if self.blas_threads is None else blas_threads(self.blas_threads)
        with arithmetic.computing_on(self.accelerator), limit:
            right = self.left if self.right is None else self.right
            actual = self._values(self.left, right)
            tables = {name: {"value": values} for name, values in actual.items()}
            if self.resampling.orders:
                _add(tables, "null", self._null(actual, right))
            if self.resampling.groups:
                _add(tables, "interval", self._intervals(actual))
            return tables

    def _values(self, left: Tile, right: Tile) -> Tables:
        table = self.statistic.compare(left, right)
        # What floats cannot hold is infinite or not a number, and is refused in the end.
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return {name: m.value(table, left, right) for name, m in self.measures.items()}

    def _null(self, actual: Tables, right: Tile) -> dict[str, Tables]:
        tallies = {
            name: NullTally(actual[name], measure.declaration, self.precision)
            for name, measure in self.measures.items()
        }
        for order in self.resampling.orders:
            rows = order.again()
            permuted = stack([self.statistic.permute(member, rows) for member in unstack(right)])
            for name, values in self._values(self.left, permuted).items():
                tallies[name].add(values)
        return {name: tally.tables() for name, tally in tallies.items()}

    def _intervals(self, actual: Tables) -> dict[str, Tables]:
        without: dict[str, list[np.ndarray]] = {name: [] for name in self.measures}
        for group in self.resampling.groups:
            rows = group.again()
            left = self._selected(self.left, rows)
            right = left if self.right is None else self._selected(self.right, rows)
            for name, values in self._values(left, right).items():
                without[name].append(values)
        shares = np.array([rows.share_left_out for rows in self.resampling.groups])
        level = self.resampling.level
        return {
            name: jackknife(actual[name], values, shares, level, self.measures[name].declaration)
            for name, values in without.items()
        }

    def _selected(self, tile: Tile, rows: Rows) -> Tile:
        return stack([self.statistic.select(member, rows) for member in unstack(tile)])


def _add(tables: dict[str, Tables], prefix: str, more: Mapping[str, Tables]) -> None:
    for name, fields in more.items():
        tables[name].update({f"{prefix}.{field}": table for field, table in fields.items()})
