"""A metric of training against the epoch, one panel per family or kind, with the swaps marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from akp_keras.export.member_record import MemberRecord
from akp_keras.report.families import FamilyStyle, families_by_legend
from akp_keras.report.svg import INK, MUTED

COLUMNS = 4
# Beyond so many panels, the page would be long and heavy.
MOST_PANELS = 48


def swap_marks(members: Sequence[MemberRecord]) -> dict[float, str]:
    """Return the swaps of a family by their place on the axis of epochs.

    Args:
        members: the members of a family. Swaps at different times (a plateau) have one mark each.

    Returns:
        Position in epochs -> text such as `activation → tanh`, one line per change. What is set
        before the first step has no mark, nor has a swap that changes nothing.
    """
    marks: dict[float, list[str]] = {}
    for member in members:
        for swap in member.swaps:
            if swap["step"] == 0 or swap["from"] == swap["to"]:
                continue
            text = f"{swap['what']} → {swap['to']}"
            texts = marks.setdefault(member.moment(swap), [])
            if text not in texts:
                texts.append(text)
    return {moment: "\n".join(marks[moment]) for moment in sorted(marks)}


def draw_training_curves(
    members: Sequence[MemberRecord],
    styles: Mapping[str, FamilyStyle],
    *,
    metric: str,
    label: str,
    common_scale: bool,
) -> Figure:
    """Draw each member's curve and their mean, one panel per family.

    Families that share a name in legends share a panel, in which no swaps are marked. Where that
    would make more than 48 panels, there is one panel, with the mean of each family.

    Args:
        members: records of members; those without the metric in their history are ignored.
        styles: family -> style, in the order of the panels.
        metric: name of the metric in the history, for example `val_accuracy`.
        label: label of the vertical axis.
        common_scale: whether all panels share one vertical scale.

    Returns:
        A figure of at most four panels per row. The value after the first epoch is at 1.
    """
    panes = families_by_legend(styles)
    if len(panes) > MOST_PANELS:
        return _draw_means(members, styles, metric=metric, label=label)
    columns = min(COLUMNS, len(panes))
    rows = math.ceil(len(panes) / columns)
    figure = Figure(figsize=(10.9, 2.3 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=common_scale, squeeze=False)
    for panel in panels.flat[len(panes) :]:
        panel.remove()
    for position, (legend, families) in enumerate(panes.items()):
        panel: Axes = panels.flat[position]
        style = styles[families[0]]
        own = [member for member in members if member.family in families]
        curves = [member.history[metric] for member in own if member.history.get(metric)]
        for curve in curves:
            panel.plot(range(1, len(curve) + 1), curve, color=style.colour, lw=0.8, alpha=0.4)
        rising = True
        if curves:
            shortest = min(map(len, curves))
            mean = np.mean([curve[:shortest] for curve in curves], axis=0)
            panel.plot(range(1, shortest + 1), mean, color=style.colour, lw=2)
            rising = mean[-1] >= mean[0]
        else:
            panel.text(0.5, 0.5, "no curve", transform=panel.transAxes, ha="center", color=MUTED)
        if len(families) == 1:
            _mark_swaps(panel, swap_marks(own), at_bottom=rising)
        panel.set_title(legend, loc="left", fontweight="bold")
        panel.xaxis.get_major_locator().set_params(integer=True, nbins=6)
        panel.set_xlim(left=0)
        # A panel without a panel below it has tick labels.
        panel.tick_params(labelbottom=position + columns >= len(panes))
    figure.supxlabel("epoch", fontsize=9, color=INK)
    figure.supylabel(label, fontsize=9, color=INK)
    return figure


def _draw_means(
    members: Sequence[MemberRecord], styles: Mapping[str, FamilyStyle], *, metric: str, label: str
) -> Figure:
    curves: dict[str, list[Sequence[float]]] = {}
    for member in members:
        if member.history.get(metric):
            curves.setdefault(member.family, []).append(member.history[metric])
    figure = Figure(figsize=(10.9, 4.4), layout="constrained")
    panel = figure.add_subplot()
    for family, own in curves.items():
        shortest = min(map(len, own))
        mean = np.mean([curve[:shortest] for curve in own], axis=0)
        panel.plot(range(1, shortest + 1), mean, color=styles[family].colour, lw=0.8, alpha=0.5)
    panel.xaxis.get_major_locator().set_params(integer=True)
    panel.set_xlabel("epoch")
    panel.set_ylabel(label)
    return figure


def _mark_swaps(panel: Axes, marks: Mapping[float, str], *, at_bottom: bool) -> None:
    """Draw a line per swap, with one text per run of equal swaps, away from the curve's end."""
    end = panel.get_xlim()[1]
    before = None
    for position, text in marks.items():
        panel.axvline(position, color=INK, lw=0.9, ls=(0, (3, 2)))
        if text == before:
            continue
        before = text
        late = position > 0.85 * end
        label = panel.annotate(
            text,
            (position, 0.03 if at_bottom else 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(-3 if late else 3, 0),
            textcoords="offset points",
            rotation=90,
            va="bottom" if at_bottom else "top",
            ha="right" if late else "left",
            fontsize=7,
            linespacing=1.15,
            color=INK,
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6},
        )
        # A long name may leave its panel, but must not push the panels apart.
        label.set_in_layout(False)
