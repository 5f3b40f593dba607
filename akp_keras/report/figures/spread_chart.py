"""Spread across families against generalisation, one point per family: the paper's question."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from akp_keras.report.families import FamilyStyle
from akp_keras.report.figures.mds_map import add_family_legend, scatter_family
from akp_keras.report.svg import INK


def draw_spread_chart(
    spread: Mapping[str, float],
    generalisation: Mapping[str, float],
    styles: Mapping[str, FamilyStyle],
    *,
    slope: float | None = None,
) -> Figure:
    """Draw each family's spread against its accuracy, with the fitted ratio as a line.

    Args:
        spread: family -> distance of its models from the trend of location, in the unit of the
            distances, ≥ 0.
        generalisation: family -> mean test accuracy, for all of these families.
        styles: family -> style.
        slope: increase of the logarithm of the squared spread per unit of generalisation lost, of
            `akp_keras.dispersion.effect`; None draws no line.

    Returns:
        A figure with one point per family.
    """
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for family, style in styles.items():
        if family not in spread:
            continue
        scatter_family(axes, 100 * generalisation[family], spread[family], style)
    if slope is not None and spread:
        accuracy = np.array([generalisation[family] for family in spread])
        squared = np.array(list(spread.values())) ** 2
        # The intercept of E z² = exp(a − b g) for this slope, under a variance ∝ mean².
        level = np.mean(squared * np.exp(slope * accuracy))
        line = np.linspace(accuracy.min(), accuracy.max(), 50)
        axes.plot(100 * line, np.sqrt(level * np.exp(-slope * line)), color=INK, lw=1.2)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.06)
    axes.set_xlabel("test accuracy (%)")
    axes.set_ylabel("spread across families")
    add_family_legend(figure, axes.get_legend_handles_labels())
    return figure
