"""From tests to findings: verdicts, effects, qualifiers and sentences of each question."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion import akp_verdict
from akp_keras.dispersion.akp_outcome import Finding, Findings
from akp_keras.dispersion.centroids import count_negative
from akp_keras.dispersion.effect import Effect, effect_of
from akp_keras.dispersion.estimands import ACROSS, BETWEEN, ESTIMANDS, WITHIN, FamilyDistances
from akp_keras.dispersion.pool_ratio import PoolRatio, pool_ratio
from akp_keras.dispersion.pools import HAPPY, UNHAPPY
from akp_keras.dispersion.questions import Question, Test, answer, ask
from akp_keras.dispersion.selection import Rules, Selection
from akp_keras.dispersion.sensitivity import Retester, Sensitivity
from akp_keras.dispersion.study import Study
from akp_keras.dispersion.verdict import UNDECIDABLE

Key = TypeVar("Key", bound=Hashable)

# A jackknife over fewer families would be an interval of nothing.
_FEWEST_FOR_AN_EFFECT = 5


@dataclass(frozen=True)
class Options:
    """How a study is judged.

    Attributes:
        rules: level, margin and chance.
        equivalence: the range of ratios that counts as equivalent.
        per: loss of generalisation for which ratios are given.
        drawn: whether the families were drawn from a distribution of stress.
        permutations: number of random permutations.
        seed: of the permutations.
    """

    rules: Rules
    equivalence: tuple[float, float]
    per: float
    drawn: bool
    permutations: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """Distances of families at one layer under one measure.

    Attributes:
        families: of those above chance.
        everyone: of the families of all models; None where none is at chance.
        unit: what the distances were divided by.
    """

    families: FamilyDistances
    everyone: FamilyDistances | None
    unit: float


def find(
    study: Study, everyone: Study | None, measured: Mapping[Key, Measured], options: Options
) -> dict[Key, dict[str | None, Findings]]:
    """Put all questions to a study.

    Args:
        study: the families above chance.
        everyone: the families of all models; None where none is at chance.
        measured: their distances, for each layer and measure.
        options: how they are judged.

    Returns:
        For each key the findings over all families (None) and for each kind of stress.
    """
    questions = ask(study, options.rules)
    distances = {key: of_key.families for key, of_key in measured.items()}
    tests = answer(study, questions, distances, options.permutations, options.seed)
    judged = [
        {key: _judge(question.selection, of_keys[key], distances[key], options) for key in measured}
        for question, of_keys in zip(questions, tests, strict=True)
    ]
    retester = Retester(
        study,
        distances,
        everyone and (everyone, {key: of_key.everyone for key, of_key in measured.items()}),
        options.rules.margin,
        options.permutations,
        options.seed,
    )
    sensitivities = [
        retester.examine(
            question,
            {key: own.without_each for key, own in of_keys.items()},
            [key for key, own in of_keys.items() if own.verdict in akp_verdict.SHOWN],
        )
        for question, of_keys in zip(questions, judged, strict=True)
    ]
    verdicts = {
        (question.kind, question.estimand): {key: own.verdict for key, own in of_keys.items()}
        for question, of_keys in zip(questions, judged, strict=True)
    }
    findings: dict[Key, dict[str | None, dict[str, Finding]]] = {key: {} for key in measured}
    for question, of_keys, sensitivity in zip(questions, judged, sensitivities, strict=True):
        for key, own in of_keys.items():
            report = _Report(study, question, own, measured[key], options)
            findings[key].setdefault(question.kind, {})[question.estimand] = report.finding(
                key, verdicts, sensitivity
            )
    return {
        key: {kind: Findings(**of_estimands) for kind, of_estimands in of_kinds.items()}
        for key, of_kinds in findings.items()
    }


@dataclass(frozen=True)
class _Judged:
    test: Test
    values: NDArray[np.float64]
    without_each: NDArray[np.float64]
    effect: Effect | None
    verdict: str


def _judge(
    selection: Selection, test: Test, distances: FamilyDistances, options: Options
) -> _Judged:
    families = len(selection.kept)
    values, without_each, effect = np.zeros(0), np.zeros((0, 0)), None
    if families >= _FEWEST_FOR_AN_EFFECT:
        values = selection.spread(distances).values
        without_each = selection.spreads_without_each(distances)
        level = 1 - options.rules.alpha
        effect = effect_of(
            selection.generalisation, values, without_each, per=options.per, level=level
        )
    verdict = (
        UNDECIDABLE
        if test.reason
        else akp_verdict.decide(
            test.statistic,
            test.adjusted_pvalue,
            effect,
            alpha=options.rules.alpha,
            equivalence=options.equivalence,
            per=options.per,
        )
    )
    return _Judged(test, values, without_each, effect, verdict)


@dataclass(frozen=True)
class _Report:
    study: Study
    question: Question
    judged: _Judged
    measured: Measured
    options: Options

    def finding(
        self,
        key: Hashable,
        verdicts: Mapping[tuple[str | None, str], Mapping[Hashable, str]],
        sensitivity: Sensitivity,
    ) -> Finding:
        kind, estimand = self.question.kind, self.question.estimand
        test, effect, verdict = self.judged.test, self.judged.effect, self.judged.verdict
        components = [verdicts[kind, part][key] for part in ESTIMANDS]
        retests = {
            "without_family": _at(sensitivity.without_family, key),
            "without_kind": _at(sensitivity.without_kind, key),
        }
        qualifiers = self._qualifiers(key, verdicts[kind, estimand], components, **retests)
        kept = self.question.selection.kept
        names = [self.study.names[place] for place in kept]
        sentence = akp_verdict.write_sentence(
            estimand,
            verdict,
            self._context(key),
            reason=test.reason,
            statistic=test.statistic,
            pvalue=test.adjusted_pvalue,
            families=len(kept),
            effect=effect,
            qualifiers=qualifiers,
            within=components[-1] if estimand == ACROSS else None,
        )
        spread = self.measured.unit * np.sqrt(np.maximum(self.judged.values, 0.0))
        return Finding(
            verdict=verdict,
            reason=test.reason,
            qualifiers=qualifiers,
            sentence=sentence,
            statistic=test.statistic,
            pvalue=test.pvalue,
            adjusted_pvalue=test.adjusted_pvalue,
            effect=effect,
            spread=dict(zip(names, spread.tolist(), strict=False)),
            negative=count_negative(self.judged.values),
            unhappy=self.study.unhappy(kept),
            pools=self._pools(),
            **retests,
            with_chance=sensitivity.with_chance and sensitivity.with_chance[key],
            other_trend=sensitivity.other_trend and sensitivity.other_trend[key],
        )

    def _qualifiers(
        self,
        key: Hashable,
        of_keys: Mapping[Hashable, str],
        components: Sequence[str],
        without_family: Mapping[str, object],
        without_kind: Mapping[str, object],
    ) -> tuple[str, ...]:
        verdict, alpha = self.judged.verdict, self.options.rules.alpha
        qualifiers = []
        if self.question.estimand == ACROSS:
            qualifiers.append(akp_verdict.component(*components))
        qualifiers.extend(akp_verdict.carriers(verdict, without_kind, alpha))
        if akp_verdict.is_fragile(verdict, without_family, alpha):
            qualifiers.append("fragile")
        if verdict in akp_verdict.SHOWN and isinstance(key, tuple) and len(key) == 2:
            same_layer = {
                other
                for place, other in of_keys.items()
                if isinstance(place, tuple) and place[0] == key[0]
            }
            if same_layer != {verdict}:
                qualifiers.append("measure-dependent")
        return tuple(filter(None, qualifiers))

    def _context(self, key: Hashable) -> akp_verdict.Context:
        if isinstance(key, tuple) and len(key) == 2:
            where = f"{key[0]} under {key[1]}"
        else:
            where = "" if key == ALONE else str(key)
        return akp_verdict.Context(
            where=where,
            kind=self.question.kind,
            drawn=self.options.drawn,
            permutations=self.options.permutations,
            points=bool((np.abs(self.study.generalisation) <= 1).all()),
        )

    def _pools(self) -> PoolRatio | None:
        if self.study.standings is None:
            return None
        kept = self.question.selection.kept
        pools = np.array([self.study.standings[self.study.names[place]].pool for place in kept])
        own = self.measured.families.among(kept)
        squared = {ACROSS: own.across, BETWEEN: own.between, WITHIN: own.within}
        return pool_ratio(
            squared[self.question.estimand],
            np.flatnonzero(pools == HAPPY),
            np.flatnonzero(pools == UNHAPPY),
            1 - self.options.rules.alpha,
        )


# The key of a matrix that is tested alone, which no sentence names.
ALONE = "distances"


def _at(retests: Mapping[str, Mapping[Hashable, object]], key: Hashable) -> dict[str, object]:
    return {name: of_keys[key] for name, of_keys in retests.items()}
