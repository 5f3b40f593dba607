"""Summaries of families for the tables: schedule, accuracy, gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from akp_keras.export.member_record import MemberRecord


@dataclass(frozen=True)
class FamilySummary:
    """A family's generalisation over its members.

    Attributes:
        family: name of the family.
        schedule: its schedule as text.
        members: number of members with a finite test accuracy.
        failed: number of members without.
        accuracy: mean test accuracy, a fraction in [0, 1]; NaN without members.
        accuracy_deviation: sample standard deviation (n - 1) of the test accuracy; NaN with
            fewer than two members.
        gap: mean of train minus test accuracy.
        gap_deviation: sample standard deviation of the gap.
    """

    family: str
    schedule: str
    members: int
    failed: int
    accuracy: float
    accuracy_deviation: float
    gap: float
    gap_deviation: float


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and sample standard deviation (n - 1), NaN where there are too few values."""
    mean = float(np.mean(values)) if len(values) else math.nan
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return mean, deviation


def summarise_family(family: str, members: Sequence[MemberRecord]) -> FamilySummary:
    """Summarise one family.

    Args:
        family: name of the family.
        members: records of members of any family; other families are ignored. A member whose
            `test_accuracy` is missing or not finite counts as failed.

    Returns:
        The summary; `schedule` is empty where the family has no record.
    """
    own = [member for member in members if member.family == family]
    accuracies = _finite(own, "test_accuracy")
    gaps = _finite(own, "gap")
    return FamilySummary(
        family,
        own[0].schedule if own else "",
        len(accuracies),
        len(own) - len(accuracies),
        *mean_and_deviation(accuracies),
        *mean_and_deviation(gaps),
    )


def _finite(members: Sequence[MemberRecord], metric: str) -> list[float]:
    values = [float(member.metrics.get(metric, math.nan)) for member in members]
    return [value for value in values if math.isfinite(value)]
