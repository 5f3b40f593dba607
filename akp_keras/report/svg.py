"""Matplotlib figures as small SVG text, the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK = "#24292f"
MUTED = "#6a737d"
RULE = "#d5d9de"

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#9aa2ab",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": "#eceff2",
    "grid.linewidth": 0.8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    # Names of families are text: a dollar sign in a name does not start a formula.
    "text.parse_math": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": MUTED,
    "ytick.labelsize": 8.5,
}

_TAG = re.compile(r"<[^<>]+>")
_IDENTIFIER = re.compile(r"""\bid="|\bhref="#|url\(#""")


def render_svg(draw: Callable[[], Figure], *, name: str, alternative: str) -> str:
    """Draw a figure in the report's style and return it as an `<svg>` element.

    Every id in the element begins with `name`, so that figures of the same page do not clash. Text
    stays text.

    Args:
        draw: returns the figure; called with the report's style in force.
        name: unique name within the page, of letters, digits, `.`, `-` and `_`.
        alternative: text alternative of the figure.

    Returns:
        A well-formed `<svg>` element without XML declaration, the same for the same figure.
    """
    with matplotlib.style.context(["default", {**STYLE, "svg.hashsalt": name}]):
        figure = draw()
        buffer = io.StringIO()
        # Not `savefig`, which draws the figure a second time to arrange it.
        FigureCanvasSVG(figure).print_svg(
            buffer, metadata={"Creator": None, "Date": None, "Format": None, "Type": None}
        )
    text = buffer.getvalue()
    element = text[text.index("<svg") :].rstrip()
    element = _TAG.sub(
        lambda tag: _IDENTIFIER.sub(lambda start: f"{start.group()}{name}.", tag.group()), element
    )
    opening_end = element.index(">")
    return (
        f'{element[:opening_end]} role="img" aria-label={quoteattr(alternative)}>'
        f"\n <title>{escape(alternative)}</title>{element[opening_end + 1 :]}"
    )
