"""The table that is printed at the end of a run."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence

from akp_keras.dispersion import Outcome
from akp_keras.export.member_record import MemberRecord
from akp_keras.report import wording
from akp_keras.report.families import (
    families_by_legend,
    legends_of,
    order_families,
    style_families,
)
from akp_keras.report.summary import summarise_family

WIDTH = 100
FAMILY_WIDTH = 18
LAYER_WIDTH = 9


def format_table(
    members: Sequence[MemberRecord],
    outcomes: Mapping[tuple[str, str], Outcome],
    measure: str,
    *,
    control: str = "control",
) -> str:
    """Format families with accuracy, gap and dispersion per layer, and a verdict per layer.

    Where there are many families, those of one or two members share a line for each kind of stress.

    Args:
        members: records of the trained members.
        outcomes: (layer, measure) -> outcome of the test, layers in the order of the networks.
        measure: id of the measure to show.
        control: the family to show first.

    Returns:
        Lines of plain text without a trailing line break, at most 100 columns wide for up to four
        layers. Accuracy and gap are means ± standard deviations over members in per cent; long
        names are truncated with an ellipsis.

    Raises:
        ValueError: if no outcome has the measure.
    """
    layers = [layer for layer, other in outcomes if other == measure]
    if not layers:
        known = ", ".join(sorted({other for _, other in outcomes}))
        raise ValueError(f"no outcome under the measure {measure!r}; there are {known}")
    chosen = {layer: outcomes[layer, measure] for layer in layers}
    legends = legends_of(members, control)
    families = order_families(
        [member.family for member in members]
        + [family for outcome in chosen.values() for family in outcome.dispersion],
        control,
        legends,
    )
    header = _line("family", "members", "accuracy (%)", "gap (%)", layers)
    lines = [f"Dispersion under {measure}", "", header, "─" * len(header)]
    rows = families_by_legend(style_families(families, control, legends))
    for name, of_row in rows.items():
        summary = summarise_family(
            name,
            [
                dataclasses.replace(member, family=name)
                for member in members
                if member.family in of_row
            ],
        )
        count = str(summary.members)
        if summary.failed:
            count += f"/{summary.members + summary.failed}"
        lines.append(
            _line(
                name,
                count,
                wording.percent(summary.accuracy, summary.accuracy_deviation),
                wording.percent(summary.gap, summary.gap_deviation),
                [wording.fixed(outcome.dispersion.get(name)) for outcome in chosen.values()],
            )
        )
    lines += [
        "",
        "Within families, with p-values adjusted for the layers and measures tested together:",
    ]
    for layer, outcome in chosen.items():
        sentence = wording.verdict_sentence(outcome)
        lines.append(
            textwrap.fill(
                f"{layer}: {outcome.verdict}. {sentence}", width=WIDTH, subsequent_indent="    "
            )
        )
    return "\n".join(lines)


def _line(family: str, members: str, accuracy: str, gap: str, layers: Sequence[str]) -> str:
    columns = [_truncated(family, FAMILY_WIDTH).ljust(FAMILY_WIDTH), members.rjust(8)]
    columns += [accuracy.rjust(13), gap.rjust(13)]
    columns += [_truncated(layer, LAYER_WIDTH).rjust(LAYER_WIDTH + 2) for layer in layers]
    return "".join(columns)


def _truncated(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
