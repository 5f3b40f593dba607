"""Models that do no better than guessing: they have little to vary in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# A control within a fifth of the chance level above it (0.6 of two classes, 0.12 of ten) has learnt
# next to nothing that stress could cost.
_LEARNT = 0.2


def at_chance(
    generalisation: Sequence[float] | NDArray[np.float64], chance: float | None, margin: float
) -> NDArray[np.bool_]:
    """Return which models are at chance.

    Args:
        generalisation: values of models or families, higher = better.
        chance: what guessing would reach; None where it is not known.
        margin: largest difference of generalisation that counts as alike.

    Returns:
        True where the value is at most the margin above chance; all False where chance is None.
    """
    values = np.asarray(generalisation, dtype=np.float64)
    if chance is None:
        return np.zeros(values.shape, dtype=bool)
    # Rounded: 0.5 + 0.01 is not 0.51 in floating point.
    return np.round(values - chance - margin, 12) <= 0


def nothing_learnt(control: float, chance: float | None, margin: float) -> str | None:
    """Return whether the control is so near to chance that no family can be unhappy.

    Args:
        control: generalisation of the control.
        chance: as in `at_chance`.
        margin: as in `at_chance`.

    Returns:
        A sentence, or None where the control is well above chance or chance is not known.
    """
    if chance is None:
        return None
    least = chance + max(margin, _LEARNT * abs(chance))
    if control > least:
        return None
    return (
        f"The control generalises at {control:.3g}, where guessing is at {chance:g}; it must be "
        f"above {least:.3g}, or there is nothing that stress could cost."
    )
