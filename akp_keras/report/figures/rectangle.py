"""Rows against columns, such as the layers of two models, as a heat map in a file."""

from __future__ import annotations

from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from akp_keras import similarity
from akp_keras.comparison.rectangle import Rectangle
from akp_keras.report.svg import RULE, STYLE

_DOTS_PER_INCH = 150
_CELL = 0.2
_LARGEST = 30.0


def draw_rectangle(rectangle: Rectangle) -> Figure:
    """Draw a measure between rows and columns; bright cells are similar, grey ones undefined.

    Args:
        rectangle: (R, C) values with the names of rows and columns.

    Returns:
        A figure with one image, whose colour scale spans the values, and its colour bar.
    """
    rows, columns = rectangle.values.shape
    height, width = (min(_CELL * max(count, 8), _LARGEST) for count in (rows, columns))
    figure = Figure(figsize=(width + 3.0, height + 2.0), layout="constrained")
    axes = figure.add_subplot()
    grows = similarity.measure(rectangle.measure).larger_is_more_similar
    colours = matplotlib.colormaps["viridis" if grows else "viridis_r"].with_extremes(bad=RULE)
    image = axes.imshow(rectangle.values, cmap=colours, interpolation="none")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    # As large as a cell lets the text be.
    size = min(8.0, 0.7 * 72 * min(height / rows, width / columns))
    axes.set_yticks(np.arange(rows), rectangle.rows, fontsize=size)
    axes.set_xticks(np.arange(columns), rectangle.columns, fontsize=size, rotation=90)
    axes.set_ylabel(rectangle.row_title)
    axes.set_xlabel(rectangle.column_title)
    bar = figure.colorbar(image, ax=axes, shrink=0.85, aspect=28, pad=0.03)
    bar.outline.set_visible(False)
    bar.set_label(rectangle.measure)
    return figure


def write_rectangle(rectangle: Rectangle, path: Path) -> None:
    """Draw a rectangle, by `draw_rectangle`, to a PNG file; the same values give the same bytes."""
    opaque = {"figure.facecolor": "white", "savefig.facecolor": "white"}
    with matplotlib.style.context(["default", {**STYLE, **opaque}]):
        canvas = FigureCanvasAgg(draw_rectangle(rectangle))
        canvas.figure.set_dpi(_DOTS_PER_INCH)
        canvas.print_png(path, metadata={"Software": None})
