"""Numbers and verdicts as text, the same on the page and in the text table."""

from __future__ import annotations

import math

from akp_keras.dispersion import Outcome
from akp_keras.dispersion.ratios import largest_effect

MISSING = "–"


def fixed(value: float | None, digits: int = 3) -> str:
    """Format a number with fixed decimals; a dash for None and NaN."""
    if value is None or math.isnan(value):
        return MISSING
    text = "∞" if math.isinf(value) else f"{abs(value):.{digits}f}"
    return f"−{text}" if value < 0 and text.strip("0.") else text


def signed(value: float | None, digits: int = 2) -> str:
    """Format a number as `fixed` does, with a plus sign where it is above zero."""
    text = fixed(value, digits)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def probability(value: float | None) -> str:
    """Format a p-value to two significant digits; a dash for None."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.2g}"


def percent(mean: float, deviation: float) -> str:
    """Format a fraction and its standard deviation in per cent with one decimal."""
    if not math.isfinite(mean):
        return MISSING
    return f"{fixed(100 * mean, 1)} ± {fixed(100 * deviation, 1)}"


def points(difference: float) -> str:
    """Format a difference of two fractions in percentage points."""
    return f"{100 * difference:g} percentage {'point' if difference == 0.01 else 'points'}"


def level(outcome: Outcome) -> str:
    """Format the confidence level of the outcome's intervals, as in `95 %`."""
    return f"{100 * (1 - outcome.alpha):.4g} %"


def log_ratio(outcome: Outcome, family: str) -> str:
    """Format a family's log dispersion ratio and interval, as in `+0.41 [0.12, 0.70]`."""
    ratio = outcome.ratios.get(family)
    if ratio is None or ratio.log_ratio is None:
        return MISSING
    text = signed(ratio.log_ratio)
    if ratio.interval is None:
        return text
    low, high = ratio.interval
    return f"{text} [{fixed(low, 2)}, {fixed(high, 2)}]"


def verdict_sentence(outcome: Outcome) -> str:
    """Return the reason of the verdict, with adjusted p-values, and the largest effect.

    Args:
        outcome: outcome of the test at one layer under one measure.

    Returns:
        One or two sentences, without the layer's name and the verdict.
    """
    return " ".join(filter(None, [outcome.reason, largest_effect(outcome.control, outcome.ratios)]))


def excludes_equality(outcome: Outcome, family: str) -> bool:
    """Return whether the interval of a family's log dispersion ratio excludes 0."""
    ratio = outcome.ratios.get(family)
    if ratio is None or ratio.interval is None:
        return False
    low, high = ratio.interval
    return low > 0 or high < 0


def count(number: int, singular: str, plural: str) -> str:
    """Format a number with its noun: `1 family`, `7 families`."""
    return f"{number} {singular if number == 1 else plural}"
