"""Points that are networks: the map of the models at a layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.tensorboard.bookmarks import bookmark
from akp_keras.tensorboard.coordinates import DistanceMap, classical_scaling
from akp_keras.tensorboard.embeddings import MOST_COLOURS, Embedding

if TYPE_CHECKING:
    from akp_keras.export.member_record import MemberRecord

ANCHORS = 6
ANCHOR_NAME = "scale"


def map_of_models(
    name: str, distances: np.ndarray, metadata: Mapping[str, Sequence[str]]
) -> tuple[Embedding, DistanceMap]:
    """Map models by classical scaling of their distances, with a bookmark per colouring.

    Args:
        name: name of the tensor.
        distances: (m, m) distance matrix.
        metadata: as in `with_anchors`.

    Returns:
        The embedding with m + 6 points, and the map of the m models with its errors.
    """
    scaled = classical_scaling(distances)
    return with_anchors(name, scaled.coordinates, metadata), scaled


def with_anchors(
    name: str, coordinates: np.ndarray, metadata: Mapping[str, Sequence[str]]
) -> Embedding:
    """Add anchors that keep proportions on the screen, and a bookmark per colouring.

    The projector scales each axis of its picture to the same length, so that a narrow family looks
    as wide as a scattered one. Six additional points at equal distance from the centre, two on each
    of the first three axes, undo that scaling: distances on the screen are then proportional to
    those in the first three axes. These points come last, are named `scale …`, belong to no family
    and are drawn black. They do not change the principal components.

    Args:
        name: name of the tensor.
        coordinates: (m, k) centred points, k ≥ 3.
        metadata: column -> m cells; the columns `name` (first) and `family` are required.

    Returns:
        The embedding with m + 6 points.
    """
    points = np.vstack([coordinates, _scale_anchors(coordinates)])
    anchor_names = [f"{ANCHOR_NAME} {sign}{axis}" for axis in "123" for sign in "+-"]
    # Anchors are not joined to any line and have no colour.
    cells = {
        column: [*values, *(anchor_names if column == "name" else [""] * ANCHORS)]
        for column, values in metadata.items()
    }
    colourings = [
        (column, title)
        for column, title in (
            ("legend", "family or kind of stress"),
            ("family", "family"),
            ("accuracy_class", "accuracy"),
            ("layer", "layer"),
            ("epoch", "epoch"),
            ("member", "member"),
        )
        if 1 < len(set(metadata.get(column, ()))) <= MOST_COLOURS
        and not (column == "family" and "legend" in metadata)
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
    return Embedding(name, points, cells, bookmarks)


def members_metadata(
    members: Sequence[MemberRecord], legends: Mapping[str, str] | None = None
) -> Mapping[str, list[str]]:
    """Return the projector's metadata of members.

    Args:
        members: members in the order of the points.
        legends: family -> its name in legends.

    Returns:
        Columns `name`, `family`, `seed`, `accuracy_class` (for colours), `test_accuracy`, `gap` and
        `schedule`; and `legend`, where some families have a common name in legends.
    """
    accuracies = [float(member.metrics.get("test_accuracy", "nan")) for member in members]
    gaps = [float(member.metrics.get("gap", "nan")) for member in members]
    return {
        "name": [member.name for member in members],
        "family": [member.family for member in members],
        **legend_column([member.family for member in members], legends or {}),
        "seed": [str(member.seed) for member in members],
        "accuracy_class": [accuracy_class(accuracy) for accuracy in accuracies],
        "test_accuracy": [_number(accuracy) for accuracy in accuracies],
        "gap": [_number(gap) for gap in gaps],
        "schedule": [member.schedule for member in members],
    }


def legend_column(families: Sequence[str], legends: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the column `legend` of some points' families, or none if all have their own name."""
    if all(family == legend for family, legend in legends.items()):
        return {}
    return {"legend": [legends[family] for family in families]}


def accuracy_class(accuracy: float) -> str:
    """Return the name of an accuracy's class, one of twenty.

    The projector colours a few distinct numbers as names, without an order.

    Args:
        accuracy: a fraction in [0, 1], or NaN for unknown.

    Returns:
        For example `0.85 to 0.90` for an accuracy in [0.85, 0.90); empty for NaN.
    """
    if math.isnan(accuracy):
        return ""
    # Decimal fractions such as 0.15 must not fall into the class below by rounding.
    lower = min(math.floor(accuracy * 20 + 1e-9), 19)
    return f"{lower / 20:.2f} to {(lower + 1) / 20:.2f}"


def _scale_anchors(coordinates: np.ndarray) -> np.ndarray:
    radius = np.abs(coordinates[:, :3]).max() or 1.0
    anchors = np.zeros((ANCHORS, coordinates.shape[1]))
    for axis in range(3):
        anchors[2 * axis, axis] = radius
        anchors[2 * axis + 1, axis] = -radius
    return anchors


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"
