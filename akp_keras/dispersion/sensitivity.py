"""What the verdict rests on: the test without each family, without each kind, and otherwise."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.akp_outcome import Retest
from akp_keras.dispersion.association import ranks_beyond_margin
from akp_keras.dispersion.estimands import WITHIN, FamilyDistances
from akp_keras.dispersion.questions import Question, retest
from akp_keras.dispersion.residual_test import rank_correlations
from akp_keras.dispersion.selection import Selection, select
from akp_keras.dispersion.study import Study

Key = TypeVar("Key", bound=Hashable)

# A thousandth is fine enough to say whether a verdict at a level of a hundredth is gone.
_PERMUTATIONS = 999
# The test without each family takes as long as the main test. Of more families than this, it is
# made without those that strengthen the correlation most.
_MOST_LEFT_OUT = 60


@dataclass(frozen=True)
class Sensitivity:
    """Tests of one question on other families, for each key.

    Attributes:
        without_family: for each family left out; of more than 60, for the 60 that strengthen the
            correlation most.
        without_kind: for each kind of stress left out, where there are several.
        with_chance: with the models at chance; None where there are none.
        other_trend: with a straight trend instead of a curved one, or the reverse; None within
            families.
    """

    without_family: Mapping[str, Mapping[Key, Retest]]
    without_kind: Mapping[str, Mapping[Key, Retest]]
    with_chance: Mapping[Key, Retest] | None
    other_trend: Mapping[Key, Retest] | None


@dataclass(frozen=True)
class Retester:
    """What tests are made again with.

    Attributes:
        study: the families above chance.
        distances: theirs, for each key.
        everyone: the families of all models and their distances; None where none is at chance.
        margin: largest difference of generalisation that counts as alike.
        permutations: number of random permutations of the main test.
        seed: of the permutations.
    """

    study: Study
    distances: Mapping[Key, FamilyDistances]
    everyone: tuple[Study, Mapping[Key, FamilyDistances]] | None
    margin: float
    permutations: int
    seed: int

    def examine(
        self,
        question: Question,
        without_each: Mapping[Key, NDArray[np.float64]],
        shown: Collection[Key],
    ) -> Sensitivity:
        """Make the test of a question again.

        Args:
            question: over all families or over a kind of stress.
            without_each: squared spreads without each family, for each key, as
                `Selection.spreads_without_each` returns them; empty where there are too few.
            shown: keys at which it shows AKP or anti-AKP. Only for these is the p-value without
                each family of interest, and it is computed for all keys where there is one.

        Returns:
            The tests; without kinds, models at chance and another trend for a question over one
            kind, whose families are a part already.
        """
        selection, study = question.selection, self.study
        without_family = (
            self._without_each_family(question, without_each, shown)
            if shown
            else _correlations_without(study, selection, without_each, self.margin)
        )
        if question.kind is not None:
            return Sensitivity(without_family, {}, None, None)
        kinds = study.stressed_by
        return Sensitivity(
            without_family,
            {kind: self._retest(question, ~study.of_kind(kind)) for kind in kinds}
            if len(kinds) > 1
            else {},
            self._with_chance(question),
            None
            if question.estimand == WITHIN
            else self._retest(question, question.wanted, curved=not selection.curved),
        )

    def _without_each_family(
        self,
        question: Question,
        without_each: Mapping[Key, NDArray[np.float64]],
        shown: Collection[Key],
    ) -> dict[str, dict[Key, Retest]]:
        retests = {}
        kept = question.selection.kept
        if len(kept) > _MOST_LEFT_OUT:
            without = _correlations_without(
                self.study, question.selection, without_each, self.margin
            )
            weakest = [
                min(abs(of_keys[key].statistic or 0.0) for key in shown)
                for of_keys in without.values()
            ]
            kept = np.sort(kept[np.argsort(weakest, kind="stable")[:_MOST_LEFT_OUT]])
        for place in kept:
            wanted = question.wanted.copy()
            wanted[place] = False
            curved = question.selection.curved
            retests[self.study.names[place]] = self._retest(question, wanted, curved=curved)
        return retests

    def _retest(
        self, question: Question, wanted: NDArray[np.bool_], curved: bool | None = None
    ) -> dict[Key, Retest]:
        selection = select(self.study, wanted, question.estimand, self.margin, curved=curved)
        return retest(self.study, selection, self.distances, self._draws, self.seed)

    def _with_chance(self, question: Question) -> dict[Key, Retest] | None:
        if self.everyone is None:
            return None
        study, distances = self.everyone
        wanted = np.ones(len(study.names), dtype=bool)
        selection = select(study, wanted, question.estimand, self.margin)
        return retest(study, selection, distances, self._draws, self.seed)

    @property
    def _draws(self) -> int:
        return min(self.permutations, _PERMUTATIONS)


def _correlations_without(
    study: Study,
    selection: Selection,
    without_each: Mapping[Key, NDArray[np.float64]],
    margin: float,
) -> dict[str, dict[Key, Retest]]:
    retests: dict[str, dict[Key, Retest]] = {}
    for place, family in enumerate(selection.kept):
        rest = np.delete(np.arange(len(selection.kept)), place)
        scores = ranks_beyond_margin(selection.generalisation[rest], margin)
        retests[study.names[family]] = {
            key: _correlation(scores, spreads[place, rest]) if len(spreads) else Retest(None, None)
            for key, spreads in without_each.items()
        }
    return retests


def _correlation(scores: NDArray[np.float64], squared: NDArray[np.float64]) -> Retest:
    if not np.isfinite(squared).all() or not (squared > 0).any() or np.ptp(scores) == 0:
        return Retest(None, None)
    return Retest(float(rank_correlations(scores, squared[None])[0]), None)
