"""Bookmarks of the projector: colours, coordinates and the camera with one click.

The page cannot open with preset colours; a bookmark is the only way to offer points coloured by
family.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_CAMERAS = {
    # The page's own camera, without its rotation.
    3: {"orthographic": False, "position": [0.45, 0.9, 1.6], "target": [0, 0, 0], "zoom": 1},
    2: {"orthographic": True, "position": [0, 0, 4], "target": [0, 0, 0], "zoom": 1},
}
# What the page stores where nothing was chosen. It rejects a bookmark that lacks an entry.
_OTHER_SETTINGS = {
    "isSelected": False,
    "tSNEIteration": 0,
    "tSNEPerplexity": 5,
    "tSNELearningRate": 1,
    "tSNEis3d": True,
    "umapIs3d": True,
    "umapNeighbors": 15,
    "umapMinDist": 0.1,
    "selectedPoints": [],
    "filteredPoints": None,
    "forceCategoricalColoring": False,
    **{f"custom{side}Text": "" for side in ("XLeft", "XRight", "YUp", "YDown")},
    **{f"custom{side}Regex": False for side in ("XLeft", "XRight", "YUp", "YDown")},
}


def bookmark(
    title: str, points: np.ndarray, *, colour_by: str, label_by: str, axes: int
) -> Mapping[str, object]:
    """Return a saved state of the projector.

    Args:
        title: title in the list of bookmarks.
        points: (n, k) float, k ≥ 3; the first `axes` columns become the coordinates.
        colour_by: metadata column of the colours, with at most 50 distinct values.
        label_by: metadata column of the labels.
        axes: 2 for a flat map, 3 for a map in space.

    Returns:
        The state, of JSON types, as the page's own "save bookmarks" writes it.
    """
    coordinates = points[:, :axes].astype(np.float32)
    return {
        **_OTHER_SETTINGS,
        "label": title,
        "selectedProjection": "pca",
        "dataSetDimensions": list(points.shape),
        "pcaComponentDimensions": list(range(axes)),
        "projections": [
            {f"pca-{axis}": float(f"{value:.9g}") for axis, value in enumerate(row)}
            for row in coordinates
        ],
        "cameraDef": _CAMERAS[axes],
        "selectedColorOptionName": colour_by,
        "selectedLabelOption": label_by,
        "customSelectedSearchByMetadataOption": label_by,
    }
