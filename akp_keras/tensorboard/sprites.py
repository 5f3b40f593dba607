"""Thumbnails of samples in one picture, as the projector reads them."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np

MOST_PIXELS_PER_SIDE = 8192
_TILE_BOUNDS = (32, 64)


@dataclass(frozen=True)
class SpriteAtlas:
    """All thumbnails in one square picture, row by row.

    Attributes:
        png: the picture, a PNG file's bytes.
        tile: side of one thumbnail in pixels.
        tiles_per_side: number of thumbnails per row, and of rows.
    """

    png: bytes
    tile: int
    tiles_per_side: int


def draw_atlas(images: np.ndarray) -> SpriteAtlas:
    """Draw the atlas of samples, sample i at row i // s and column i % s of s × s tiles.

    The atlas is square, because the projector computes a sample's row from the number of tiles per
    column; that number is a power of two, because older graphics drivers round others wrongly.

    Args:
        images: (n, h, w) or (n, h, w, c) with c 1 or 3, from 0 to 255. Float images in
            [0, 1] are multiplied by 255. Images that are not square are centred
            on a white tile. Tiles have the longer side of the images, at least 32 and at most 64
            pixels, and fewer where the atlas would become larger than 8192 pixels.

    Returns:
        The atlas.

    Raises:
        ValueError: if the shape is wrong, a value is not finite or out of range, or there are more
            samples than pixels.
    """
    from PIL import Image

    pixels = _bytes_of(images)
    count, height, width = pixels.shape[:3]
    side = 2 ** math.ceil(math.log2(math.ceil(math.sqrt(count)))) if count > 1 else 1
    if side > MOST_PIXELS_PER_SIDE:
        raise ValueError(
            f"{count} thumbnails do not fit into {MOST_PIXELS_PER_SIDE} pixels per side"
        )
    smallest, largest = _TILE_BOUNDS
    tile = min(max(height, width, smallest), largest, MOST_PIXELS_PER_SIDE // side)
    scale = tile / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Enlarged pixels stay sharp; reduced pictures are averaged.
    resampling = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    atlas = Image.new("RGB", (side * tile, side * tile), "white")
    for index, array in enumerate(pixels):
        thumbnail = Image.fromarray(array)
        if size != thumbnail.size:
            thumbnail = thumbnail.resize(size, resampling)
        row, column = divmod(index, side)
        left = column * tile + (tile - size[0]) // 2
        top = row * tile + (tile - size[1]) // 2
        atlas.paste(thumbnail, (left, top))
    buffer = io.BytesIO()
    atlas.save(buffer, format="PNG", optimize=False)
    return SpriteAtlas(buffer.getvalue(), tile, side)


def _bytes_of(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"images must be n × h × w × c with one or three channels, not {images.shape}"
        )
    if not np.isfinite(images).all():
        raise ValueError("an image holds NaN or infinity")
    if np.issubdtype(images.dtype, np.floating) and images.min() >= 0 and images.max() <= 1:
        images = images * 255
    if images.min() < 0 or images.max() > 255:
        raise ValueError(
            f"images must lie between 0 and 255, not between {images.min():g} and {images.max():g}"
        )
    pixels = np.rint(images).astype(np.uint8)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
