"""Points that are networks: the map of the models at one layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from akp_keras.tensorboard.bookmarks import bookmark
from akp_keras.tensorboard.coordinates import DistanceMap, classical_scaling
from akp_keras.tensorboard.embeddings import MOST_COLOURS, Embedding

ANCHORS = 6
ANCHOR_NAME = "scale"


def map_of_models(
    name: str, distances: np.ndarray, metadata: Mapping[str, Sequence[str]]
) -> tuple[Embedding, DistanceMap]:
    """Classical scaling of the distances between models, with colours one click away.

    The projector stretches each axis of its picture to the same length, so that a narrow
    family looks as wide as a scattered one. Six further points at equal distance from the
    centre, two on each of the first three axes, take that stretching away: distances on the
    screen are then proportional to those in the first three axes. These points come last, are
    named `scale …`, belong to no family and are drawn black. They leave the principal
    components as they are.

    Args:
      name: the tensor's name.
      distances: (m, m) distance matrix.
      metadata: m cells under each column's name; the columns `name` (first) and `family` must
        be among them.

    Returns:
      The embedding with m + 6 points, and the map's own m points with their errors.
    """
    scaled = classical_scaling(distances)
    points = np.vstack([scaled.coordinates, _scale_anchors(scaled.coordinates)])
    anchor_names = [f"{ANCHOR_NAME} {sign}{axis}" for axis in "123" for sign in "+-"]
    # A line through a family must not go on through the anchors, and they have no colour.
    cells = {
        column: [*values, *(anchor_names if column == "name" else [""] * ANCHORS)]
        for column, values in metadata.items()
    }
    colourings = [
        (column, title)
        for column, title in (
            ("family", "family"),
            ("accuracy_class", "accuracy"),
            ("layer", "layer"),
        )
        if 0 < len(set(metadata.get(column, ()))) <= MOST_COLOURS
    ]
    bookmarks = [
        bookmark(
            f"Colour by {title}, {'flat' if axes == 2 else 'in space'}",
            points,
            colour_by=column,
            label_by="name",
            axes=axes,
        )
        for column, title in colourings
        for axes in (3, 2)
    ]
    return Embedding(name, points, cells, bookmarks), scaled


def accuracy_class(accuracy: float) -> str:
    """The named class of an accuracy, of which there are twenty.

    The projector would colour a few different numbers as if they were names, without order.

    Args:
      accuracy: a fraction in [0, 1], or NaN for unknown.

    Returns:
      For example `0.85 to 0.90` for an accuracy from 0.85 to below 0.90; empty for NaN.
    """
    if math.isnan(accuracy):
        return ""
    # Decimal fractions such as 0.15 must not fall below their own class by rounding.
    lower = min(math.floor(accuracy * 20 + 1e-9), 19)
    return f"{lower / 20:.2f} to {(lower + 1) / 20:.2f}"


def _scale_anchors(coordinates: np.ndarray) -> np.ndarray:
    radius = np.abs(coordinates[:, :3]).max() or 1.0
    anchors = np.zeros((ANCHORS, coordinates.shape[1]))
    for axis in range(3):
        anchors[2 * axis, axis] = radius
        anchors[2 * axis + 1, axis] = -radius
    return anchors
