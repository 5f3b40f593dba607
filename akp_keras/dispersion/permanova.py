"""How much of the variation lies between families: the R² of PERMANOVA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from akp_keras.dispersion import inputs


def explained_share(distances: ArrayLike, families: Sequence[str]) -> float:
    """Return the R² of PERMANOVA (Anderson, Austral Ecology 26, 2001), as `adonis2` reports it.

    Args:
        distances: (M, M) distances.
        families: the family of each member.

    Returns:
        1 − SS within / SS total, where sums of squares are Σ d² over pairs divided by the number
        of members: in [0, 1] for Hilbertian distances, NaN where all distances are zero. It rises
        with the number of families, as every R² does.

    Raises:
        ValueError: if the distances or families do not fit.
    """
    names = np.array(inputs.checked_families(families))
    matrix = inputs.checked_distances(distances, len(names), "distances")
    squared = (matrix / inputs.unit_of(matrix)) ** 2
    total = squared.sum() / (2 * len(names))
    members = [np.flatnonzero(names == family) for family in dict.fromkeys(names.tolist())]
    within = sum(squared[np.ix_(rows, rows)].sum() / (2 * len(rows)) for rows in members)
    return float(1 - within / total) if total else float("nan")
