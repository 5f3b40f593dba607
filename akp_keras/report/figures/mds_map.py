"""Members as points in the plane, by classical multidimensional scaling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.dispersion import principal_coordinates
from akp_keras.export.member_record import family_of
from akp_keras.report.families import FamilyStyle


def draw_mds_map(matrix: SimilarityMatrix, styles: Mapping[str, FamilyStyle]) -> Figure:
    """Draw members by classical scaling of their distances, on axes of equal scale.

    Args:
        matrix: (M, M) distances.
        styles: family -> style.

    Returns:
        A figure whose two axes have the same scale.
    """
    members = principal_coordinates(matrix.distances)
    coordinates, shares = members.leading(2), members.shares(2)
    families = np.array([family_of(member) for member in matrix.members])
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for family, style in styles.items():
        points = coordinates[families == family]
        if not len(points):
            continue
        centre = points.mean(axis=0)
        # One path from the centre to each point and back: a path each would fill the page.
        rays = np.stack([np.broadcast_to(centre, points.shape), points], axis=1).reshape(-1, 2)
        axes.plot(*rays.T, color=style.colour, lw=0.6, alpha=0.45)
        scatter_family(axes, *points.T, style)
    # A box that follows the data would leave figures of one row with different widths.
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    axes.set_xlabel(f"first axis ({shares[0]:.0%})")
    axes.set_ylabel(f"second axis ({shares[1]:.0%})")
    add_family_legend(figure, axes.get_legend_handles_labels())
    return figure


def scatter_family(axes: Axes, x: ArrayLike, y: ArrayLike, style: FamilyStyle) -> None:
    """Draw a family's points; families of one legend have a single entry in it."""
    _, labels = axes.get_legend_handles_labels()
    axes.scatter(
        x,
        y,
        s=34,
        color=style.colour,
        marker=style.marker,
        edgecolor="white",
        linewidth=0.7,
        label=None if style.legend in labels else style.legend,
        zorder=3,
    )


def add_family_legend(figure: Figure, handles_and_labels: tuple[Sequence, Sequence[str]]) -> None:
    """Put the families' legend to the right of the figure's axes."""
    figure.legend(
        *handles_and_labels, loc="outside right upper", handletextpad=0.3, borderaxespad=0.2
    )
