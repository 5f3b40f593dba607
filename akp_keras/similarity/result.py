"""What `pairwise` gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from akp_keras.similarity import identifiers, registry
from akp_keras.similarity.declaration import Declaration
from akp_keras.similarity.distance import FORMS, to_distance


@dataclass(frozen=True)
class SimilarityResult:
    """All pairs of representations under one measure.

    Attributes:
        declaration: what the measure says of itself; `declaration.id` is the canonical id.
        names: names of the representations, in the order of rows and columns.
        values: (M, M) float64, the measure; row i, column j is the value of (i, j). Exactly
            symmetric if the measure is.
        samples: n after the spatial policy.
        features: (M,) int64, p of each representation after the spatial policy.
        ranks: (M,) int64, numerical rank of each centred representation.
        spatial: the policy that was asked for positions, or None.
        null: the row-permutation null, if it was asked for.
    """

    declaration: Declaration
    names: tuple[str, ...]
    values: np.ndarray
    samples: int
    features: np.ndarray
    ranks: np.ndarray
    spatial: str | None = None
    null: PermutationNull | None = None

    @property
    def id(self) -> str:
        """The measure's canonical identifier."""
        return self.declaration.id

    def distance(self, form: str | None = None) -> np.ndarray:
        """The values as distances.

        Args:
            form: one of `declaration.distances`; by default the first.

        Returns:
            (M, M) float64, exactly symmetric with an exactly zero diagonal.

        Raises:
            ValueError: if the measure declares no distance form, or not this one.
        """
        declared = self.declaration.distances
        if not declared:
            reason = "" if self.declaration.symmetric else ": it is not symmetric"
            raise ValueError(f"measure {self.id!r} has no distance form{reason}")
        if form is None:
            form = declared[0]
        if form not in declared:
            raise ValueError(
                f"measure {self.id!r} has no distance form {form!r}; it declares "
                f"{', '.join(declared)}{identifiers.suggest(form, FORMS)}"
            )
        return to_distance(self.values, form)


@dataclass(frozen=True)
class PermutationNull:
    """What a measure gives when the rows of one representation are permuted.

    Attributes:
        permutations: how many.
        mean: (M, M) float64, mean over permutations.
        deviation: (M, M) float64, standard deviation over permutations (divisor B − 1).
        pvalues: (M, M) float64, (1 + permuted values at least as similar) / (1 + permutations),
            where values that differ by rounding are equal (relative 1e-9, 1e-7 for distances);
            on the diagonal too, where it says whether n lets the measure tell anything at all.
    """

    permutations: int
    mean: np.ndarray
    deviation: np.ndarray
    pvalues: np.ndarray


class Results(Mapping[str, SimilarityResult]):
    """Results by identifier, in the order asked for; any spelling of an identifier finds its."""

    def __init__(self, results: Mapping[str, SimilarityResult]) -> None:
        self._results = dict(results)

    def __getitem__(self, identifier: str) -> SimilarityResult:
        if identifier in self._results:
            return self._results[identifier]
        try:
            canonical = registry.find(identifier).declaration.id
        except ValueError as error:
            raise KeyError(str(error)) from None
        for result in self._results.values():
            if result.id == canonical:
                return result
        raise KeyError(f"{identifier} was not computed; {', '.join(self._results)} were")

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)
