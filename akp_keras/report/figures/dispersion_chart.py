"""Members' distances to their family's centroid, and each family's ratio to the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from akp_keras.dispersion.intervals import half_width_of_mean
from akp_keras.report.families import FamilyStyle
from akp_keras.report.svg import INK, MUTED


def draw_dispersion_chart(
    distances: Mapping[str, Sequence[float]],
    log_ratios: Mapping[str, tuple[float, float, float]],
    styles: Mapping[str, FamilyStyle],
    *,
    confidence: float,
) -> Figure:
    """Draw members and family means on the left, ratios to the control on the right.

    Args:
        distances: family -> its members' distances to their centroid.
        log_ratios: family -> natural logarithm of its dispersion ratio to the control, and the
            lower and upper end of the interval (NaN without one); only finite ratios.
        styles: family -> style, in the order of the rows.
        confidence: level of the intervals of the means, between 0 and 1.

    Returns:
        A figure of two panels with one row per family.
    """
    figure = Figure(figsize=(5.6, 0.42 * len(styles) + 1.1), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[4, 3])
    for row, (family, style) in enumerate(styles.items()):
        _draw_members(left, row, np.asarray(distances.get(family, ()), float), style, confidence)
        if family in log_ratios:
            _draw_ratio(right, row, log_ratios[family], style)
    left.set_yticks(range(len(styles)), list(styles))
    left.tick_params(axis="y", length=0, labelcolor=INK)
    left.set_ylim(len(styles) - 0.4, -0.6)
    left.set_xlabel("distance to the centroid")
    left.set_xlim(left=0)
    right.set_xlabel("ratio to the control")
    right.axvline(0.0, color=MUTED, lw=0.9)
    right.tick_params(axis="y", length=0)
    right.spines["left"].set_visible(False)
    _label_as_ratios(right, log_ratios)
    for panel in (left, right):
        panel.grid(axis="y", visible=False)
    return figure


def _draw_members(
    panel: Axes, row: int, values: np.ndarray, style: FamilyStyle, confidence: float
) -> None:
    if not values.size:
        return
    offsets = np.linspace(-0.2, 0.2, values.size) if values.size > 1 else np.zeros(1)
    panel.scatter(values, row + offsets, s=13, color=style.colour, alpha=0.55, lw=0, zorder=2)
    panel.errorbar(
        values.mean(),
        row,
        xerr=half_width_of_mean(values, confidence),
        fmt=style.marker,
        ms=6.5,
        color=style.colour,
        mec="white",
        mew=0.8,
        elinewidth=1.8,
        zorder=3,
    )


def _draw_ratio(
    panel: Axes, row: int, log_ratio: tuple[float, float, float], style: FamilyStyle
) -> None:
    centre, low, high = log_ratio
    panel.plot([low, high], [row, row], color=style.colour, lw=1.8)
    panel.plot(centre, row, style.marker, ms=6.5, color=style.colour, mec="white", mew=0.8)


def _label_as_ratios(panel: Axes, log_ratios: Mapping[str, tuple[float, float, float]]) -> None:
    """Label an axis of logarithms with ratios; it spans at least 0.75 to 2."""
    ends = [end for ratio in log_ratios.values() for end in ratio if np.isfinite(end)]
    low, high = min([np.log(0.75), *ends]), max([np.log(2), *ends])
    margin = 0.06 * (high - low)
    low, high = low - margin, high + margin
    octaves = MaxNLocator(nbins=5, integer=True).tick_values(low / np.log(2), high / np.log(2))
    panel.set_xticks([log for log in np.log(2) * octaves if low <= log <= high])
    panel.xaxis.set_major_formatter(FuncFormatter(lambda log, _: f"{np.exp(log):.3g}×"))
    panel.set_xlim(low, high)
