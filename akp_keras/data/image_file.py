"""Image files of several formats, depths and colour spaces as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from akp_keras.failures import one_line

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")

_GREY = ("1", "L", "LA")
_SIXTEEN_BITS = 65535


def read_image(path: str | Path, size: int | None = None) -> np.ndarray:
    """Read an image; of a file with several, the first.

    Transparency is dropped. Palettes, CMYK and other colour spaces become red, green and blue.

    Args:
        path: the file.
        size: height and width in pixels to which the image is resized (bilinear, with
            antialiasing); None for no resizing.

    Returns:
        (h, w, 1) grey or (h, w, 3) float32 from 0 to 255. Of 16 bits, 65,535 becomes 255.

    Raises:
        ValueError: in one line, if the file is damaged, or its values have no known range.
    """
    try:
        with Image.open(path) as image:
            values = _values(image)
    except Exception as error:  # decoders of damaged files raise many exceptions
        raise ValueError(one_line(error).replace(str(path), Path(path).name)) from error
    if size is not None:
        channels = [
            Image.fromarray(channel).resize((size, size), Image.Resampling.BILINEAR)
            for channel in np.moveaxis(values, -1, 0)
        ]
        values = np.stack([np.asarray(channel) for channel in channels], axis=-1)
    return values


def _values(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > _SIXTEEN_BITS:
            raise ValueError("its values exceed 16 bits")
        return (values[..., np.newaxis] * (255 / _SIXTEEN_BITS)).astype(np.float32)
    if image.mode == "F":
        raise ValueError("its values are floating-point numbers without a known range")
    values = np.asarray(image.convert("L" if image.mode in _GREY else "RGB"), dtype=np.float32)
    return np.atleast_3d(values)
