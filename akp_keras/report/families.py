"""The order of families, and their names in legends, colours and markers in every figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from akp_keras.export.member_record import MemberRecord
from akp_keras.hotswap import Schedule
from akp_keras.stress import kinds_of

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
# Nobody can tell more styles apart.
MOST_NAMED = 12
FEWEST_MEMBERS_OF_NAMED = 3
MARKERS = ("s", "^", "D", "v", "p", "X", "<", ">", "P", "h", "*", "8", "d")


@dataclass(frozen=True)
class FamilyStyle:
    """The style of a family in every figure.

    Attributes:
        name: name of the family.
        colour: hexadecimal RGB.
        marker: a Matplotlib marker, which tells families apart without colour vision, and beyond
            twelve families.
        legend: its name in legends; families of one legend have one colour and marker.
    """

    name: str
    colour: str
    marker: str
    legend: str


def legends_of(members: Sequence[MemberRecord], control: str) -> dict[str, str]:
    """Return each family's name in legends.

    That is its own name. Where there are more than twelve families, those of one or two members
    have a common name for each kind of stress, such as `14 × activation`.

    Args:
        members: records of members of all families.
        control: the family without stress, which keeps its name.

    Returns:
        Family name -> name in legends.
    """
    sizes = Counter(member.family for member in members)
    legends = {family: family for family in sizes}
    if len(sizes) <= MOST_NAMED:
        return legends
    schedules = {member.family: Schedule.parse(member.schedule) for member in members}
    unstressed = schedules.get(control, Schedule())
    kinds = {
        family: " + ".join(kinds_of(schedules[family], unstressed)) or "no stress"
        for family, size in sizes.items()
        if size < FEWEST_MEMBERS_OF_NAMED and family != control
    }
    counts = Counter(kinds.values())
    return legends | {family: f"{counts[kind]} × {kind}" for family, kind in kinds.items()}


def order_families(
    names: Iterable[str], control: str, legends: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return every family once: the control first, the others in order of appearance.

    Args:
        names: names of families, with repetitions.
        control: name of the control; ignored if no family has it.
        legends: names in legends; families of a common one stand together, after the others.

    Returns:
        The families in the order of every table and figure.
    """
    families = tuple(dict.fromkeys(names))
    known = {family: (legends or {}).get(family, family) for family in families}
    common = tuple(dict.fromkeys(known.values()))
    return tuple(
        sorted(
            families,
            key=lambda family: (
                family != control,
                known[family] != family,
                common.index(known[family]) if known[family] != family else 0,
            ),
        )
    )


def style_families(
    families: Sequence[str], control: str, legends: Mapping[str, str] | None = None
) -> dict[str, FamilyStyle]:
    """Assign a colour and a marker to each family.

    Args:
        families: names in the order of `order_families`.
        control: the family drawn in grey circles.
        legends: names in legends; by default each family has its own.

    Returns:
        Family name -> style. Colours repeat after eleven perturbed families, with other markers.
    """
    known = {family: (legends or {}).get(family, family) for family in families}
    styles = {}
    if control in families:
        styles[control] = FamilyStyle(control, CONTROL_COLOUR, "o", control)
    perturbed = tuple(dict.fromkeys(known[family] for family in families if family != control))
    for family in families:
        if family != control:
            place = perturbed.index(known[family])
            styles[family] = FamilyStyle(
                family,
                COLOURS[place % len(COLOURS)],
                MARKERS[place % len(MARKERS)],
                known[family],
            )
    return styles


def families_by_legend(styles: Mapping[str, FamilyStyle]) -> dict[str, list[str]]:
    """Return each name in legends with its families, in order."""
    families: dict[str, list[str]] = {}
    for family, style in styles.items():
        families.setdefault(style.legend, []).append(family)
    return families
