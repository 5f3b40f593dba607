"""The similarity matrix, ordered and ruled by family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.export.member_record import family_of
from akp_keras.report.families import FamilyStyle, families_by_legend


def draw_heat_map(matrix: SimilarityMatrix, styles: Mapping[str, FamilyStyle]) -> Figure:
    """Draw the measure between all pairs of members, grouped by family.

    The colour scale spans the values between different members; the diagonal is ignored.

    Args:
        matrix: (M, M) values.
        styles: family -> style, in the order of rows and columns.

    Returns:
        A figure with a square image and its colour bar.
    """
    position = {family: index for index, family in enumerate(styles)}
    rank = np.array([position[family_of(member)] for member in matrix.members])
    order = np.argsort(rank, kind="stable")
    values = matrix.values[np.ix_(order, order)]
    count = len(order)
    between = values[~np.eye(count, dtype=bool)]
    between = between[np.isfinite(between)]
    low, high = (between.min(), between.max()) if between.size else (0.0, 1.0)

    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="viridis", vmin=low, vmax=high, interpolation="none")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([])

    middles = []
    for legend, families in families_by_legend(styles).items():
        rows = np.flatnonzero(np.isin(rank[order], [position[family] for family in families]))
        if not rows.size:
            continue
        style = styles[families[0]]
        start, size = rows[0] - 0.5, rows.size
        middles.append((rows.mean(), legend))
        if start > 0:
            axes.axhline(start, color="white", linewidth=1.6)
            axes.axvline(start, color="white", linewidth=1.6)
        band = 0.018 * count
        gap = 0.4 * band
        inset = 0.03 * size
        for corner, width, height in (
            ((-0.5 - gap - band, start + inset), band, size - 2 * inset),
            ((start + inset, -0.5 - gap - band), size - 2 * inset, band),
        ):
            axes.add_patch(
                Rectangle(corner, width, height, color=style.colour, lw=0, clip_on=False)
            )
    axes.set_yticks([middle for middle, _ in middles], [legend for _, legend in middles])
    axes.tick_params(axis="y", pad=11, labelcolor="#24292f")
    bar = figure.colorbar(image, ax=axes, shrink=0.85, aspect=28, pad=0.03)
    bar.outline.set_visible(False)
    bar.set_label(matrix.measure)
    return figure
