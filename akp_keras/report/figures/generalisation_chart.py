"""Test accuracy against dispersion, one point per family."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from akp_keras.dispersion.intervals import half_width_of_mean
from akp_keras.report.families import FamilyStyle
from akp_keras.report.figures.mds_map import add_family_legend
from akp_keras.report.summary import FamilySummary


def draw_generalisation_chart(
    summaries: Mapping[str, FamilySummary],
    distances: Mapping[str, Sequence[float]],
    styles: Mapping[str, FamilyStyle],
    *,
    confidence: float,
) -> Figure:
    """Draw each family's mean accuracy against its dispersion.

    The vertical bars are one standard deviation of the members' accuracy, the horizontal ones
    the interval of the mean distance to the centroid.

    Args:
        summaries: family -> summary with its accuracy.
        distances: family -> its members' distances to their centroid.
        styles: family -> style.
        confidence: level of the intervals of the means, between 0 and 1.

    Returns:
        A figure with one point per family that has both numbers.
    """
    figure = Figure(figsize=(5.6, 0.42 * len(styles) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    for family, style in styles.items():
        summary, values = summaries[family], np.asarray(distances.get(family, ()), float)
        if not values.size or not math.isfinite(summary.accuracy):
            continue
        axes.errorbar(
            values.mean(),
            100 * summary.accuracy,
            xerr=half_width_of_mean(values, confidence),
            yerr=100 * np.nan_to_num(summary.accuracy_deviation),
            fmt=style.marker,
            ms=7,
            color=style.colour,
            mec="white",
            mew=0.8,
            elinewidth=1.2,
            label=family,
        )
    axes.margins(0.1)
    axes.set_xlabel("dispersion")
    axes.set_ylabel("test accuracy (%)")
    handles, labels = axes.get_legend_handles_labels()
    add_family_legend(figure, ([container[0] for container in handles], labels))
    return figure
