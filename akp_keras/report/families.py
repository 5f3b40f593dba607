"""The order of families, and their colours and markers in every figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

CONTROL_COLOUR = "#404040"

# Okabe & Ito (2008) without yellow and black, then hues of Tol's "muted" scheme (2021) that
# differ from them under the common colour vision deficiencies.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#882255",
    "#999933",
    "#332288",
    "#DDCC77",
    "#44AA99",
)
MARKERS = ("s", "^", "D", "v", "p", "X", "<", ">", "P", "h", "*", "8", "d")


@dataclass(frozen=True)
class FamilyStyle:
    """The style of a family in every figure.

    Attributes:
        name: name of the family.
        colour: hexadecimal RGB.
        marker: a Matplotlib marker, which tells families apart without colour vision, and beyond
            twelve families.
    """

    name: str
    colour: str
    marker: str


def order_families(names: Iterable[str], control: str) -> tuple[str, ...]:
    """Return every family once: the control first, the others in order of appearance.

    Args:
        names: names of families, with repetitions.
        control: name of the control; ignored if no family has it.

    Returns:
        The families in the order of every table and figure.
    """
    families = tuple(dict.fromkeys(names))
    return tuple(sorted(families, key=lambda family: family != control))


def style_families(families: Sequence[str], control: str) -> dict[str, FamilyStyle]:
    """Assign a colour and a marker to each family.

    Args:
        families: names in the order of `order_families`.
        control: the family drawn in grey circles.

    Returns:
        Family name -> style. Colours repeat after eleven perturbed families, with other markers.
    """
    styles = {}
    perturbed = [family for family in families if family != control]
    if control in families:
        styles[control] = FamilyStyle(control, CONTROL_COLOUR, "o")
    for position, family in enumerate(perturbed):
        styles[family] = FamilyStyle(
            family, COLOURS[position % len(COLOURS)], MARKERS[position % len(MARKERS)]
        )
    return styles
