"""Figures in words, the same in every sentence of the package."""

from __future__ import annotations


def pvalue_text(pvalue: float, permutations: int | None = None, digits: int = 2) -> str:
    """Return a p-value with its sign of relation.

    Args:
        pvalue: in (0, 1].
        permutations: number of random permutations B behind it; None where all were listed. The
            smallest value of B random permutations, 1/(B + 1), is a bound.
        digits: significant digits.

    Returns:
        "p = 0.012", or "p ≤ 0.0001" where it is the bound.
    """
    floor = permutations is not None and pvalue * (permutations + 1) < 1.5
    return f"p {'≤' if floor else '='} {pvalue:.{digits}g}"
