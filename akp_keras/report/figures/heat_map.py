"""The similarity matrix, ordered and ruled by family."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.export.member_record import family_of
from akp_keras.report.families import FamilyStyle, families_by_legend

_MOST_ROWS = 500


def draw_heat_map(matrix: SimilarityMatrix, styles: Mapping[str, FamilyStyle]) -> Figure:
    """Draw the measure between all pairs of members, grouped by family.

    Of more than 500 members, neighbours within a family are averaged: nobody could tell them apart,
    and the image would be larger than the rest of the page.

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
    values, rank = _averaged(matrix.values[np.ix_(order, order)], rank[order])
    count = len(values)
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
        rows = np.flatnonzero(np.isin(rank, [position[family] for family in families]))
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


def _averaged(
    values: NDArray[np.float64], rank: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return values and the families of their rows, at most about 500 rows; see `draw_heat_map`."""
    together = math.ceil(len(values) / _MOST_ROWS)
    if together == 1:
        return values, rank
    _, begins, family = np.unique(rank, return_index=True, return_inverse=True)
    starts = np.flatnonzero((np.arange(len(rank)) - begins[family]) % together == 0)
    diagonal = np.eye(len(values), dtype=bool)

    def summed(numbers: NDArray) -> NDArray[np.float64]:
        rows = np.add.reduceat(numbers, starts, axis=0, dtype=np.float64)
        return np.add.reduceat(rows, starts, axis=1)

    pairs = summed(~diagonal)
    means = np.divide(
        summed(np.where(diagonal, 0.0, values)), pairs, out=np.ones_like(pairs), where=pairs > 0
    )
    return means, rank[starts]
