"""Members as points in the plane, by classical multidimensional scaling."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from skbio import DistanceMatrix
from skbio.stats.ordination import pcoa

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.export.member_record import family_of
from akp_keras.report.families import FamilyStyle


def classical_mds(distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in the plane whose distances come closest to those given.

    Classical multidimensional scaling (Torgerson 1952; principal coordinates of Gower 1966) by
    scikit-bio. The sign of each axis is fixed so that its largest coordinate in magnitude is
    positive.

    Args:
        distances: (M, M) float64, symmetric, zero on the diagonal.

    Returns:
        (M, 2) coordinates in the unit of the distances, and (2,) fractions of the positive
        eigenvalues' sum that the axes hold.
    """
    count = len(distances)
    coordinates, fractions = np.zeros((count, 2)), np.zeros(2)
    if count < 2 or not np.any(distances):
        return coordinates, fractions
    symmetric = (distances + distances.T) / 2
    np.fill_diagonal(symmetric, 0.0)
    with warnings.catch_warnings():
        # Distances that are not Euclidean have negative eigenvalues; only the plane is drawn.
        warnings.simplefilter("ignore", RuntimeWarning)
        result = pcoa(DistanceMatrix(symmetric), method="eigh", warn_neg_eigval=False)
    samples = result.samples.to_numpy()[:, :2]
    axes = samples.shape[1]
    signs = np.sign(samples[np.abs(samples).argmax(axis=0), np.arange(axes)])
    coordinates[:, :axes] = samples * np.where(signs == 0, 1.0, signs)
    fractions[:axes] = result.proportion_explained.to_numpy()[:2]
    return coordinates, np.nan_to_num(fractions)


def draw_mds_map(matrix: SimilarityMatrix, styles: Mapping[str, FamilyStyle]) -> Figure:
    """Draw each member where classical scaling of the distances puts it, on equal axes.

    Args:
        matrix: (M, M) distances.
        styles: a style for each family.

    Returns:
        A figure whose two axes have one scale.
    """
    coordinates, fractions = classical_mds(matrix.distances)
    families = np.array([family_of(member) for member in matrix.members])
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    axes = figure.add_subplot()
    for family, style in styles.items():
        points = coordinates[families == family]
        if not len(points):
            continue
        centre = points.mean(axis=0)
        for point in points:
            axes.plot(*zip(centre, point, strict=True), color=style.colour, lw=0.6, alpha=0.45)
        axes.scatter(
            *points.T,
            s=34,
            color=style.colour,
            marker=style.marker,
            edgecolor="white",
            linewidth=0.7,
            label=family,
            zorder=3,
        )
    # A box that follows the data would leave figures of one row with different widths.
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    axes.set_xlabel(f"first axis ({fractions[0]:.0%})")
    axes.set_ylabel(f"second axis ({fractions[1]:.0%})")
    add_family_legend(figure, axes.get_legend_handles_labels())
    return figure


def add_family_legend(figure: Figure, handles_and_labels: tuple[Sequence, Sequence[str]]) -> None:
    """Put the families' legend to the right of the figure's axes."""
    figure.legend(
        *handles_and_labels, loc="outside right upper", handletextpad=0.3, borderaxespad=0.2
    )
