"""Bookmarks of the projector: one click gives colours, coordinates and the camera.

Nothing presets the colours when the page opens; a bookmark is the one way to have points
coloured by family without the reader knowing where to look.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_CAMERAS = {
    # Where the page itself looks from, without its turning.
    3: {"orthographic": False, "position": [0.45, 0.9, 1.6], "target": [0, 0, 0], "zoom": 1},
    2: {"orthographic": True, "position": [0, 0, 4], "target": [0, 0, 0], "zoom": 1},
}
# What the page itself stores where nothing was chosen. It refuses a bookmark that lacks a part.
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
        title: what the list of bookmarks shows.
        points: (n, k) float, k ≥ 3; the first `axes` columns become the coordinates.
        colour_by: the metadata column of the colours, with at most 50 different values.
        label_by: the metadata column of the labels.
        axes: 2 for a flat map, 3 for one in space.

    Returns:
        The state, ready for JSON, as the page's own "save bookmarks" would write it.
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
