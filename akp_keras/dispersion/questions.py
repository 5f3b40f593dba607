"""The questions put to a study and their tests, all over the same permutations.

There is a question for each estimand over all families, and for each estimand and kind of stress
over the families of that kind and the control. P-values are adjusted by step-down minimum p
(`akp_keras.dispersion.westfall_young`) over the layers and measures for the questions about all
families, and over layers, measures and kinds for those about kinds, for each estimand apart: alpha
bounds the chance of any false verdict in each of these sets.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from akp_keras.dispersion.akp_outcome import Retest
from akp_keras.dispersion.estimands import ESTIMANDS, WITHIN, FamilyDistances
from akp_keras.dispersion.residual_test import (
    Hypothesis,
    permuted_correlations,
    rank_correlations,
)
from akp_keras.dispersion.selection import (
    FEWEST_FAMILIES,
    Rules,
    Selection,
    obstacle,
    select,
)
from akp_keras.dispersion.study import Study
from akp_keras.dispersion.westfall_young import permutation_pvalues

Key = TypeVar("Key", bound=Hashable)

# Below this, correlations over families say nothing at all.
_FEWEST_TO_CORRELATE = 4


@dataclass(frozen=True)
class Question:
    """Does spread follow generalisation, for one estimand over some families?

    Attributes:
        estimand: "across", "between" or "within".
        kind: the kind of stress; None for all families.
        wanted: (k,) which families of the study it is about.
        selection: those that can answer.
        obstacle: why they cannot decide, whatever their distances; None where they can.
    """

    estimand: str
    kind: str | None
    wanted: NDArray[np.bool_]
    selection: Selection
    obstacle: str | None


@dataclass(frozen=True)
class Test:
    """The test of one question on one distance matrix.

    Attributes:
        statistic: Spearman's ρ; None where it cannot be computed.
        pvalue: two-sided; None where the question is undecidable.
        adjusted_pvalue: adjusted for what is tested together.
        reason: why it is undecidable; empty where it is not.
    """

    statistic: float | None
    pvalue: float | None
    adjusted_pvalue: float | None
    reason: str


def ask(study: Study, rules: Rules) -> tuple[Question, ...]:
    """Return all questions on a study: over all families first, then over each kind of stress."""
    everyone = np.ones(len(study.names), dtype=bool)
    sets = [(None, everyone)]
    sets += [(kind, study.of_kind(kind) | study.is_control()) for kind in study.stressed_by]
    questions = []
    for kind, wanted in sets:
        for estimand in ESTIMANDS:
            selection = select(study, wanted, estimand, rules.margin)
            reason = obstacle(study, selection, rules)
            questions.append(Question(estimand, kind, wanted, selection, reason))
    return tuple(questions)


def answer(
    study: Study,
    questions: Sequence[Question],
    distances: Mapping[Key, FamilyDistances],
    permutations: int,
    seed: int,
) -> list[dict[Key, Test]]:
    """Test all questions on all distance matrices over the same permutations.

    Args:
        study: the families.
        questions: as `ask` returns them.
        distances: of the families, for each layer and measure.
        permutations: number of random permutations.
        seed: of the permutations.

    Returns:
        For each question a test for each key.
    """
    reasons = [
        {
            key: question.obstacle or _degenerate(question.selection, matrix)
            for key, matrix in distances.items()
        }
        for question in questions
    ]
    tested = [
        (number, key)
        for number, of_keys in enumerate(reasons)
        for key, reason in of_keys.items()
        if reason is None
    ]
    hypotheses = [questions[number].selection.hypothesis(distances[key]) for number, key in tested]
    correlations = permuted_correlations(
        hypotheses, len(study.names), permutations, np.random.default_rng(seed), study.blocks
    )
    pvalues = _adjusted_together(correlations, [questions[number] for number, _ in tested])
    tests = {
        place: Test(float(row[0]), raw, adjusted, "")
        for place, row, (raw, adjusted) in zip(tested, correlations, pvalues, strict=True)
    }
    return [
        {
            key: tests[number, key]
            if (number, key) in tests
            else Test(observed(question.selection, matrix), None, None, reasons[number][key])
            for key, matrix in distances.items()
        }
        for number, question in enumerate(questions)
    ]


def retest(
    study: Study,
    selection: Selection,
    distances: Mapping[Key, FamilyDistances],
    permutations: int,
    seed: int,
) -> dict[Key, Retest]:
    """Test some families of a study, adjusted over the layers and measures.

    Args:
        study: the families.
        selection: those to test.
        distances: of all families, for each layer and measure.
        permutations: number of random permutations.
        seed: of the permutations.

    Returns:
        A test for each key; without a p-value where fewer than six families are left, or none
        is unhappy.
    """
    decides = len(selection.kept) >= FEWEST_FAMILIES - 1 and study.unhappy(selection.kept)
    tested = [
        key for key, matrix in distances.items() if decides and not _degenerate(selection, matrix)
    ]
    if not tested:
        return {key: Retest(observed(selection, matrix), None) for key, matrix in distances.items()}
    correlations = permuted_correlations(
        [selection.hypothesis(distances[key]) for key in tested],
        len(study.names),
        permutations,
        np.random.default_rng(seed),
        study.blocks,
    )
    _, adjusted = permutation_pvalues(np.abs(correlations))
    retests = {
        key: Retest(float(row[0]), float(pvalue))
        for key, row, pvalue in zip(tested, correlations, adjusted, strict=True)
    }
    return {
        key: retests.get(key) or Retest(observed(selection, matrix), None)
        for key, matrix in distances.items()
    }


def observed(selection: Selection, distances: FamilyDistances) -> float | None:
    """Return Spearman's ρ of some families; None where it cannot be computed."""
    if len(selection.kept) < _FEWEST_TO_CORRELATE or np.ptp(selection.scores) == 0:
        return None
    hypothesis: Hypothesis = selection.hypothesis(distances)
    if _degenerate(selection, distances):
        return None
    return float(rank_correlations(hypothesis.scores, hypothesis.spread.values[None])[0])


def _degenerate(selection: Selection, distances: FamilyDistances) -> str | None:
    values = selection.spread(distances).values
    largest = distances.across.max(initial=0.0)
    if (values > 1e-12 * largest).any():
        return None
    if largest == 0.0:
        return "All distances are zero."
    if selection.estimand == WITHIN:
        return "The members of each family are identical."
    return "No family lies off the trend of location by more than its seeds explain."


def _adjusted_together(
    correlations: NDArray[np.float64], questions: Sequence[Question]
) -> list[tuple[float, float]]:
    sets = [(question.estimand, question.kind is None) for question in questions]
    pvalues: list[tuple[float, float]] = [(1.0, 1.0)] * len(sets)
    for together in dict.fromkeys(sets):
        rows = [row for row, own in enumerate(sets) if own == together]
        raw, adjusted = permutation_pvalues(np.abs(correlations[rows]))
        for row, p, q in zip(rows, raw, adjusted, strict=True):
            pvalues[row] = float(p), float(q)
    return pvalues
