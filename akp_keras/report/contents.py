"""The contents of a report, checked and in the order of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.dispersion import AkpOutcome, Outcome
from akp_keras.export.member_record import MemberRecord, family_of
from akp_keras.report.families import FamilyStyle, legends_of, order_families, style_families
from akp_keras.report.summary import FamilySummary, summarise_family


@dataclass(frozen=True)
class Contents:
    """The results of a run in the order of the page.

    Attributes:
        control: the family to which the others are compared.
        styles: colour and marker of each family, in the order of every table and figure.
        summaries: accuracy and gap of each family.
        members: records of the trained members.
        networks: number of members that were trained or compared.
        layers: names of the layers, in the order of the networks.
        measures: ids of the measures, the primary measure first.
        matrices: (layer, measure) -> similarity matrix.
        outcomes: (layer, measure) -> outcome of the test within families.
        principle: (layer, measure) -> outcome of the test across families; possibly empty.
        anchors: (layer, measure) -> a distinct name for files, ids and links.
        cautions: the cautions that all outcomes share.
    """

    control: str
    styles: Mapping[str, FamilyStyle]
    summaries: Mapping[str, FamilySummary]
    members: tuple[MemberRecord, ...]
    networks: int
    layers: tuple[str, ...]
    measures: tuple[str, ...]
    matrices: Mapping[tuple[str, str], SimilarityMatrix]
    outcomes: Mapping[tuple[str, str], Outcome]
    principle: Mapping[tuple[str, str], AkpOutcome]
    anchors: Mapping[tuple[str, str], str]
    cautions: tuple[str, ...]

    @property
    def unhappy(self) -> frozenset[str]:
        """Families whose mean accuracy is below the control's by more than the margin."""
        reference = self.outcomes[self.comparisons[0]]
        control = self.summaries.get(self.control)
        return frozenset(reference.unhappy).union(
            family
            for family, summary in self.summaries.items()
            # Rounded: 0.89 − 0.90 is less than −0.01 in floating point.
            if control and round(summary.accuracy - control.accuracy + reference.margin, 12) < 0
        )

    @property
    def comparisons(self) -> tuple[tuple[str, str], ...]:
        """Every (layer, measure), layer by layer."""
        return tuple((layer, measure) for layer in self.layers for measure in self.measures)


def gather_contents(
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Mapping[tuple[str, str], Outcome],
    control: str,
    primary_measure: str | None,
    principle: Mapping[tuple[str, str], AkpOutcome],
) -> Contents:
    """Check that the results fit together and arrange them.

    Args:
        members: as in `write_report`.
        matrices: as in `write_report`.
        outcomes: as in `write_report`.
        control: as in `write_report`.
        primary_measure: as in `write_report`.
        principle: as in `write_report`.

    Returns:
        The contents.

    Raises:
        ValueError: under the conditions of `write_report`.
    """
    if not matrices:
        raise ValueError("a report needs at least one similarity matrix, and there is none")
    by_key = {(matrix.layer, matrix.measure): matrix for matrix in matrices}
    if len(by_key) < len(matrices):
        raise ValueError("two similarity matrices have the same layer and measure")
    layers = tuple(dict.fromkeys(matrix.layer for matrix in matrices))
    measures = tuple(dict.fromkeys(matrix.measure for matrix in matrices))
    primary = measures[0] if primary_measure is None else primary_measure
    if primary not in measures:
        raise ValueError(
            f"no similarity matrix has the primary measure {primary!r}; "
            f"there are {', '.join(measures)}"
        )
    measures = tuple(sorted(measures, key=lambda measure: measure != primary))
    keys = [(layer, measure) for layer in layers for measure in measures]
    for what, results in (("similarity matrix", by_key), ("outcome", outcomes)):
        for layer, measure in keys:
            if (layer, measure) not in results:
                raise ValueError(f"there is no {what} for layer {layer!r} and measure {measure!r}")

    compared = [member for matrix in matrices for member in matrix.members]
    legends = legends_of(members, control)
    families = order_families(
        [member.family for member in members] + [family_of(member) for member in compared],
        control,
        legends,
    )
    slugs = _slugs([*layers, *measures])
    return Contents(
        control=control,
        styles=style_families(families, control, legends),
        summaries={family: summarise_family(family, members) for family in families},
        members=tuple(members),
        networks=len({*(member.name for member in members), *compared}),
        layers=layers,
        measures=measures,
        matrices=by_key,
        outcomes=outcomes,
        principle=principle,
        anchors={key: f"{slugs[key[0]]}.{slugs[key[1]]}" for key in keys},
        cautions=_common([outcomes[key].cautions for key in keys]),
    )


def gather_training(members: Sequence[MemberRecord], control: str) -> Contents:
    """Arrange what is known of members that cannot be compared: accuracies and histories.

    Args:
        members: records of the trained members.
        control: the family to which the others would be compared.

    Returns:
        Contents without layers, measures and cautions.
    """
    legends = legends_of(members, control)
    families = order_families([member.family for member in members], control, legends)
    return Contents(
        control=control,
        styles=style_families(families, control, legends),
        summaries={family: summarise_family(family, members) for family in families},
        members=tuple(members),
        networks=len(members),
        layers=(),
        measures=(),
        matrices={},
        outcomes={},
        principle={},
        anchors={},
        cautions=(),
    )


def _common(cautions: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(text for text in cautions[0] if all(text in others for others in cautions))


def _slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a distinct word of letters, digits, dots, dashes and underscores for each name."""
    slugs: dict[str, str] = {}
    for name in dict.fromkeys(names):
        base = slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "unnamed"
        number = 2
        while slug in slugs.values():
            slug, number = f"{base}-{number}", number + 1
        slugs[name] = slug
    return slugs
