"""Pictures as summaries of TensorBoard's images page, written without TensorFlow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_BLOB_SEQUENCE, Summary
from tensorboard.plugins.image import metadata
from tensorboard.util.tensor_util import make_tensor_proto

if TYPE_CHECKING:
    from akp_keras.comparison.matrix import SimilarityMatrix
    from akp_keras.report.families import FamilyStyle

_DOTS_PER_INCH = 100


def matrix_image(
    tag: str,
    matrix: SimilarityMatrix,
    styles: Mapping[str, FamilyStyle],
    *,
    limits: tuple[float, float] | None = None,
) -> Summary:
    """Draw a similarity matrix with the families' blocks; bright cells are similar.

    Args:
        tag: tag of the summary.
        matrix: (M, M) values.
        styles: family -> style, in the order of rows and columns.
        limits: values at the ends of the colour scale, for a scale that several pictures share;
            None for those of this matrix.

    Returns:
        The summary; the same arguments return the same bytes.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from akp_keras.report.figures.heat_map import draw_heat_map
    from akp_keras.report.svg import STYLE

    opaque = {"figure.facecolor": "white", "savefig.facecolor": "white"}
    with matplotlib.style.context(["default", {**STYLE, **opaque}]):
        figure = draw_heat_map(matrix, styles)
        image = figure.axes[0].images[0]
        if not _grows_with_similarity(matrix.values):
            image.set_cmap(image.get_cmap().reversed())
        if limits is not None:
            image.set_clim(*limits)
        buffer = io.BytesIO()
        canvas = FigureCanvasAgg(figure)
        figure.set_dpi(_DOTS_PER_INCH)
        canvas.print_png(buffer, metadata={"Software": None})
    width, height = (round(_DOTS_PER_INCH * inches) for inches in figure.get_size_inches())
    return image_summary(tag, buffer.getvalue(), width, height)


def _grows_with_similarity(values: np.ndarray) -> bool:
    """Return whether the diagonal exceeds the rest on average; the page applies the same rule."""
    own = np.eye(len(values), dtype=bool)
    return len(values) < 2 or bool(values[own].mean() >= values[~own].mean())


def image_summary(tag: str, png: bytes, width: int, height: int) -> Summary:
    """Return a picture as a summary.

    Args:
        tag: tag of the summary.
        png: bytes of a PNG file.
        width: width in pixels.
        height: height in pixels.

    Returns:
        The summary.
    """
    summary = Summary()
    value = summary.value.add(
        tag=tag,
        tensor=make_tensor_proto(
            np.array([str(width).encode(), str(height).encode(), png], dtype=np.object_)
        ),
        metadata=metadata.create_summary_metadata(display_name="", description=""),
    )
    value.metadata.data_class = DATA_CLASS_BLOB_SEQUENCE
    return summary
