"""What `pairwise` and `compare` return."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.similarity import identifiers, registry
from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.distance import FORMS, to_distance
from akp_keras.similarity.registry import MeasureLike

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PermutationNull:
    """What a measure gives when the rows of one representation are permuted.

    Attributes:
        permutations: how many.
        mean: (R, C) float64, mean over permutations.
        deviation: (R, C) float64, standard deviation over permutations (divisor B − 1).
        pvalues: (R, C) float64, (1 + permuted values at least as similar) / (1 + permutations),
            where values that differ by rounding are equal (relative 1e-9, 1e-7 for distances);
            of a representation with itself too, where it says whether n lets the measure tell
            anything at all.
    """

    permutations: int
    mean: np.ndarray
    deviation: np.ndarray
    pvalues: np.ndarray


@dataclass(frozen=True)
class Intervals:
    """Where the values of the population that the samples were drawn from are.

    Attributes:
        level: the probability with which an interval holds the value of the population.
        groups: how many groups of samples were left out, one after the other.
        estimate: (R, C) float64, the value less its bias as the jackknife sees it.
        error: (R, C) float64, the standard error.
        low: (R, C) float64, the lower end.
        high: (R, C) float64, the upper end.
    """

    level: float
    groups: int
    estimate: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class SimilarityResult:
    """Pairs of representations under one measure.

    Attributes:
        declaration: what the measure says of itself; `declaration.id` is the canonical id.
        names: names of the R rows, in order.
        columns: names of the C columns; those of the rows where all pairs were compared.
        values: (R, C) float64, the measure; row i, column j is the value of (i, j). Exactly
            symmetric if all pairs were compared and the measure is.
        samples: n after the spatial policy.
        features: (R,) int64, p of each row after the spatial policy; 0 of matrices of pairs of
            samples.
        ranks: (R,) int64, numerical rank of each centred row; 0 where it is not known.
        column_features: (C,) the same of the columns.
        column_ranks: (C,) the same of the columns.
        spatial: the policy that was asked for positions, or None.
        undefined: name -> why the measure is not defined for that representation, with
            `undefined="nan"`; of a row and a column of one name alike.
        null: the row-permutation null, if it was asked for.
        interval: intervals over samples, if they were asked for.
        is_square: whether the columns are the rows.
    """

    declaration: Declaration
    names: tuple[str, ...]
    columns: tuple[str, ...]
    values: np.ndarray
    samples: int
    features: np.ndarray
    ranks: np.ndarray
    column_features: np.ndarray
    column_ranks: np.ndarray
    spatial: str | None = None
    undefined: Mapping[str, str] = field(default_factory=dict)
    null: PermutationNull | None = None
    interval: Intervals | None = None
    is_square: bool = True

    @property
    def id(self) -> str:
        """The measure's canonical identifier."""
        return self.declaration.id

    def distance(self, form: str | None = None, *, calibrated: bool = False) -> np.ndarray:
        """Return the values as distances.

        Args:
            form: one of `declaration.distances`; by default the first.
            calibrated: whether distances are divided by that of the null's mean: 1 is what
                unrelated samples give at these widths, whatever it is. Such distances need not
                obey the triangle inequality.

        Returns:
            (R, C) float64, exactly symmetric with an exactly zero diagonal where the columns are
            the rows.

        Raises:
            ValueError: if the measure declares no distance form, or not this one, or distances are
                to be calibrated without a null.
        """
        form = self._form(form)
        distances = to_distance(self.values, form, is_square=self.is_square)
        if calibrated:
            scale = to_distance(self._null_mean(), form, is_square=False)
            distances = distances / np.where(distances > 0.0, scale, 1.0)
        return distances

    def calibrated(self) -> np.ndarray:
        """Return the share of the way from the null to perfect similarity.

        Scores of representations rise with width and depth alone (Gröger et al., arXiv 2602.14486);
        these do not.

        Returns:
            (R, C) float64, (v − μ) / (s − μ) with μ the mean of the null and s the value of a
            representation with itself: 1 of equal representations, about 0 of unrelated ones.

        Raises:
            ValueError: without a null, or if s depends on the data.
        """
        perfect = self.declaration.self_value
        if perfect is None:
            raise ValueError(
                f"measure {self.id!r} has no calibrated form: its value of a representation with "
                "itself depends on the data"
            )
        mean = self._null_mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.values - mean) / (perfect - mean)

    def noise_ceiling(self) -> tuple[float, float]:
        """Return the similarity that a model of all representations could have with them at most.

        Nili et al. 2014, PLoS Comput. Biol. 10: the mean similarity of every representation with
        the mean of all (upper), and with the mean of all others (lower). Representations are
        the unit vectors whose inner product the measure is, such as centred dissimilarities.

        Returns:
            The lower and the upper bound.

        Raises:
            ValueError: if the measure is not such an inner product, not all pairs were compared,
                or a value is not defined.
        """
        if not self.declaration.hilbertian or self.declaration.distances[:1] != ("chord",):
            raise ValueError(f"measure {self.id!r} has no noise ceiling: it is not a cosine")
        if not self.is_square or len(self.names) < 2 or np.isnan(self.values).any():
            raise ValueError(
                "a noise ceiling needs the values of all pairs of two representations or more"
            )
        totals = self.values.sum(axis=0)
        others = totals - np.diagonal(self.values)
        rest = self.values.sum() - 2.0 * totals + np.diagonal(self.values)
        upper = np.mean(totals) / np.sqrt(self.values.sum())
        return float(np.mean(others / np.sqrt(rest))), float(upper)

    def to_frame(self) -> pd.DataFrame:
        """Return the values as a data frame of pandas, rows by columns."""
        import pandas as pd

        return pd.DataFrame(self.values, index=list(self.names), columns=list(self.columns))

    def __repr__(self) -> str:
        rows, columns = self.values.shape
        shown = self.values[~np.eye(rows, dtype=bool)] if self.is_square else self.values
        shown = shown[~np.isnan(shown)]
        values = "no values"
        if len(shown):
            values = f"{shown.min():.4g} … {shown.max():.4g}, mean {shown.mean():.4g}"
        if self.is_square:
            values += " off the diagonal"
        names = ", ".join(self.names[:3]) + (", …" if rows > 3 else "")
        parts = [f"{rows} × {columns} ({names})", f"n = {self.samples}", values]
        if self.undefined:
            parts.append(f"{len(self.undefined)} undefined ({', '.join(self.undefined)})")
        if self.null is not None:
            parts.append(f"null of {self.null.permutations} permutations")
        if self.interval is not None:
            parts.append(f"{100 * self.interval.level:g} % intervals")
        return f"<{self.id}: {'; '.join(parts)}>"

    def _form(self, form: str | None) -> str:
        declared = self.declaration.distances
        if not declared:
            reason = "" if self.declaration.symmetric else ": it is not symmetric"
            raise ValueError(f"measure {self.id!r} has no distance form{reason}")
        if form is None:
            return declared[0]
        if form not in declared:
            raise ValueError(
                f"measure {self.id!r} has no distance form {form!r}; it declares "
                f"{', '.join(declared)}{identifiers.suggest(form, FORMS)}"
            )
        return form

    def _null_mean(self) -> np.ndarray:
        if self.null is None:
            raise ValueError(
                "a calibrated score is one against the null: pass null= with the number of "
                "permutations, such as 200"
            )
        return self.null.mean


@dataclass(frozen=True)
class Comparison:
    """Two representations compared, with a null or an interval.

    Attributes:
        measure: the measure's canonical identifier.
        value: the value.
        pvalue: of the row-permutation null, or None.
        calibrated: the share of the way from the null to perfect similarity, or None.
        interval: (low, high), or None.
        error: the standard error, or None.
    """

    measure: str
    value: float
    pvalue: float | None = None
    calibrated: float | None = None
    interval: tuple[float, float] | None = None
    error: float | None = None

    def __float__(self) -> float:
        return self.value


class Results(Mapping[str, SimilarityResult]):
    """Results by identifier, in the order asked for; any spelling of an identifier finds its."""

    def __init__(self, results: Mapping[str, SimilarityResult]) -> None:
        self._results = dict(results)

    def __getitem__(self, measure: MeasureLike) -> SimilarityResult:
        if isinstance(measure, str) and measure in self._results:
            return self._results[measure]
        try:
            canonical = registry.find(measure).declaration.id
        except ValueError as error:
            raise KeyError(str(error)) from None
        for result in self._results.values():
            if result.id == canonical:
                return result
        raise KeyError(f"{canonical} was not computed; {', '.join(self._results)} were")

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values()))

    def to_frame(self) -> pd.DataFrame:
        """Return all values as a tidy data frame of pandas, a row per pair and measure.

        Returns:
            Columns `measure`, `row`, `column`, `value`; `distance` (the default form, NaN where a
            measure has none); with a null `null_mean`, `pvalue`; with intervals `low`, `high`.
            Where all pairs were compared, each pair once, and in both orders under a measure that
            is not symmetric.
        """
        import pandas as pd

        return pd.concat([_tidy(result) for result in self.values()], ignore_index=True)


def _tidy(result: SimilarityResult) -> pd.DataFrame:
    import pandas as pd

    shape = result.values.shape
    if result.is_square:
        pairs = [(i, j) for i, j in itertools.product(range(shape[0]), repeat=2) if i != j]
        if result.declaration.symmetric:
            pairs = [(i, j) for i, j in pairs if i < j]
    else:
        pairs = list(itertools.product(*map(range, shape)))
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    tables = {"value": result.values, "distance": np.full(shape, np.nan)}
    if result.declaration.distances:
        tables["distance"] = result.distance()
    if result.null is not None:
        tables |= {"null_mean": result.null.mean, "pvalue": result.null.pvalues}
    if result.interval is not None:
        tables |= {"low": result.interval.low, "high": result.interval.high}
    return pd.DataFrame(
        {
            "measure": result.id,
            "row": [result.names[i] for i in rows],
            "column": [result.columns[j] for j in columns],
            **{name: table[rows, columns] for name, table in tables.items()},
        }
    )
