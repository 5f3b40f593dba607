import dataclasses
import math

import pytest

from akp_keras.dispersion import DispersionRatio
from akp_keras.dispersion.ratios import largest_effect
from akp_keras.report import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (-0.12345, "−0.123"),
        (-0.0001, "0.000"),
        (12.0, "12.000"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "–"),
        (None, "–"),
    ],
)
def test_fixed(value, text):
    assert wording.fixed(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0001, "0.0001"), (0.04567, "0.046"), (1.0, "1"), (None, "–")]
)
def test_probability(value, text):
    assert wording.probability(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "+0.50"), (-0.5, "−0.50"), (0.001, "0.00"), (math.inf, "+∞")]
)
def test_signed(value, text):
    assert wording.signed(value) == text


def test_percent():
    assert wording.percent(0.8642, 0.0137) == "86.4 ± 1.4"
    assert wording.percent(0.8642, math.nan) == "86.4 ± –"
    assert wording.percent(math.nan, math.nan) == "–"


@pytest.fixture
def outcome(experiment):
    return experiment.outcomes["dense", "cka.linear"]


def with_ratios(outcome, **ratios):
    return dataclasses.replace(
        outcome,
        ratios={
            family: DispersionRatio(log_ratio, interval, 0.95)
            for family, (log_ratio, interval) in ratios.items()
        },
    )


def test_verdict_sentence_is_reason_and_effect(outcome):
    effect = largest_effect(outcome.control, outcome.ratios)
    assert effect
    assert wording.verdict_sentence(outcome) == f"{outcome.reason} {effect}"
    alone = with_ratios(outcome)
    assert wording.verdict_sentence(alone) == outcome.reason


def test_log_ratio(outcome):
    changed = with_ratios(
        outcome, pulse=(0.41, (-0.1, 0.7)), both=(0.2, (0.1, 0.3)), silent=(-math.inf, None)
    )
    assert wording.log_ratio(changed, "pulse") == "+0.41 [−0.10, 0.70]"
    assert wording.log_ratio(changed, "silent") == "−∞"
    assert wording.log_ratio(changed, "control") == "–"
    assert [wording.excludes_equality(changed, f) for f in ("pulse", "both", "silent")] == [
        False,
        True,
        False,
    ]


def test_level_follows_alpha(outcome):
    assert wording.level(dataclasses.replace(outcome, alpha=0.01)) == "99 %"
    assert wording.level(dataclasses.replace(outcome, alpha=0.05)) == "95 %"
