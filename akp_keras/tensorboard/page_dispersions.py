"""The dispersions that the page shows, from a test's outcome or from distances alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.dispersion.centroids import distances_to_centroid
from akp_keras.dispersion.intervals import half_width_of_mean
from akp_keras.dispersion.ratios import DispersionRatio, largest_effect
from akp_keras.export.member_record import family_of
from akp_keras.tensorboard.page_contents import Dispersions, FamilyDispersion

if TYPE_CHECKING:
    from akp_keras.dispersion import Outcome


def tested_dispersions(layer: str, measure: str, outcome: Outcome) -> Dispersions:
    """Return the outcome of a test of dispersions as the page shows it.

    Args:
        layer: name of the layer.
        measure: id of the measure.
        outcome: outcome of `akp_keras.dispersion.permutation_test` on the distances of that layer
            and measure.

    Returns:
        The families in the outcome's order. The interval of a mean is Student's, over the members'
        distances to their centroid, and None for fewer than three members; it is approximate,
        because distances to a common centroid are not independent. The interval of a ratio is the
        outcome's.
    """
    level = 1 - outcome.alpha
    families = []
    for family, mean in outcome.dispersion.items():
        distances = {
            name: distance
            for name, of, distance in zip(
                outcome.members, outcome.families, outcome.member_distances, strict=True
            )
            if of == family
        }
        ratio, interval = _ratio(outcome.ratios.get(family))
        families.append(
            FamilyDispersion(
                family, mean, _interval(distances.values(), level), distances, ratio, interval
            )
        )
    return Dispersions(
        layer=layer,
        measure=measure,
        families=tuple(families),
        control=outcome.control,
        level=level,
        verdict=outcome.verdict,
        reason=outcome.reason,
        effect=largest_effect(outcome.control, outcome.ratios),
        cautions=tuple(outcome.cautions),
        pvalue=outcome.adjusted_pvalue,
    )


def measured_dispersions(
    layer: str,
    measure: str,
    members: Sequence[str],
    distances: np.ndarray,
    *,
    control: str | None = None,
    level: float = 0.95,
) -> Dispersions:
    """Return dispersions without a test, as for snapshots during training.

    Args:
        layer: name of the layer.
        measure: id of the measure.
        members: (M,) names `<family>/<seed>`.
        distances: (M, M) distances in that order.
        control: name of the control family; None returns no ratios.
        level: confidence level of the intervals of the means.

    Returns:
        The families in the order of their first member, without a verdict. A family with a single
        member has no dispersion.

    Raises:
        ValueError: if the distances do not fit the members.
    """
    squared = np.asarray(distances, dtype=np.float64) ** 2
    if squared.shape != (len(members), len(members)):
        raise ValueError(
            f"distances of {len(members)} members must have the shape "
            f"({len(members)}, {len(members)}), not {squared.shape}"
        )
    of = [family_of(name) for name in members]
    distances_of = {}
    for family in dict.fromkeys(of):
        rows = [row for row, name in enumerate(of) if name == family]
        if len(rows) > 1:
            to_centroid = distances_to_centroid(squared[np.ix_(rows, rows)]).tolist()
        else:
            to_centroid = [None]
        distances_of[family] = {
            members[row]: value for row, value in zip(rows, to_centroid, strict=True)
        }
    means = {
        family: None if None in values.values() else float(np.mean(list(values.values())))
        for family, values in distances_of.items()
    }
    reference = means.get(control)
    ratios = {
        family: mean / reference
        for family, mean in means.items()
        if reference and mean is not None and family != control
    }
    families = tuple(
        FamilyDispersion(
            family,
            means[family],
            _interval(values.values(), level),
            values,
            ratios.get(family),
        )
        for family, values in distances_of.items()
    )
    finite = {
        family: DispersionRatio(math.log(ratio), None, level)
        for family, ratio in ratios.items()
        if ratio
    }
    return Dispersions(
        layer, measure, families, control, level, effect=largest_effect(control, finite)
    )


def _interval(values: Sequence[float | None], level: float) -> tuple[float, float] | None:
    numbers = [value for value in values if value is not None and math.isfinite(value)]
    # Two members are always equally far from their centroid.
    if len(numbers) < 3:
        return None
    mean, half = float(np.mean(numbers)), half_width_of_mean(numbers, level)
    return max(0.0, mean - half), mean + half


def _ratio(
    ratio: DispersionRatio | None,
) -> tuple[float | None, tuple[float, float] | None]:
    if ratio is None or ratio.log_ratio is None or not math.isfinite(ratio.log_ratio):
        return None, None
    interval = None
    if ratio.interval is not None and all(math.isfinite(end) for end in ratio.interval):
        interval = (math.exp(ratio.interval[0]), math.exp(ratio.interval[1]))
    return math.exp(ratio.log_ratio), interval
