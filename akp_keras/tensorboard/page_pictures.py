"""The probe set as the page shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akp_keras.tensorboard.page_contents import Pictures
from akp_keras.tensorboard.sample_points import has_images, sample_metadata
from akp_keras.tensorboard.sprites import draw_atlas

if TYPE_CHECKING:
    from akp_keras.data.records import ProbeSet

MOST_PICTURES = 1024


def draw_pictures(probe: ProbeSet) -> Pictures:
    """Return names, classes and, for images, thumbnails of the probe samples.

    Args:
        probe: the probe set. Only the first 1024 images have thumbnails, which bounds the page's
            loading time; all samples have names and classes.

    Returns:
        The pictures; without thumbnails for measurements.

    Raises:
        ValueError: if a label has no class name or an image cannot be drawn.
    """
    columns = sample_metadata(probe)
    ids, labels = tuple(columns["name"]), tuple(columns["class"])
    if not has_images(probe) or not len(ids):
        return Pictures(ids, labels)
    images = probe.inputs[:MOST_PICTURES]
    atlas = draw_atlas(images)
    return Pictures(ids, labels, atlas.png, atlas.tile, atlas.tiles_per_side, len(images))
