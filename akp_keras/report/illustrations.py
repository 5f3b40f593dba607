"""The figures of the page, with their captions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from akp_keras.dispersion import AkpOutcome, Outcome
from akp_keras.report import wording
from akp_keras.report.contents import Contents
from akp_keras.report.families import FamilyStyle, families_by_legend
from akp_keras.report.figures.dispersion_chart import draw_dispersion_chart
from akp_keras.report.figures.generalisation_chart import draw_generalisation_chart
from akp_keras.report.figures.heat_map import draw_heat_map
from akp_keras.report.figures.mds_map import draw_mds_map
from akp_keras.report.figures.spread_chart import draw_spread_chart
from akp_keras.report.figures.training_curves import MOST_PANELS, draw_training_curves
from akp_keras.report.svg import render_svg

FIGURES_FOLDER = "figures"


@dataclass(frozen=True)
class Illustration:
    """A figure of the page.

    Attributes:
        file: path relative to the page.
        svg: the `<svg>` element.
        caption: text under the figure.
    """

    file: str
    svg: Markup
    caption: str


def illustrate_comparison(contents: Contents, layer: str, measure: str) -> tuple[Illustration, ...]:
    """Draw the figures of one layer under one measure.

    Args:
        contents: contents of the report.
        layer: one of its layers.
        measure: one of its measures.

    Returns:
        Spread across families against accuracy, where that was tested; heat map and map of
        members; and, where families have several members, dispersion chart and accuracy against
        dispersion.
    """
    matrix = contents.matrices[layer, measure]
    anchor, styles = contents.anchors[layer, measure], contents.styles
    where = f"{layer} under {measure}"
    pictures = (
        _illustrate(
            f"{anchor}.heat_map",
            lambda: draw_heat_map(matrix, styles),
            f"Similarity of all pairs of members at {where}, one row and column per member, "
            "ordered by family.",
        ),
        _illustrate(
            f"{anchor}.mds_map",
            lambda: draw_mds_map(matrix, styles),
            f"Members at {where} by classical multidimensional scaling of the distances, "
            "joined to the mean of their family. Both axes have the same scale and state their "
            "share of the variation.",
        ),
    )
    principle = contents.principle.get((layer, measure))
    if principle is not None and principle.across.spread:
        pictures = (_illustrate_spread(principle, contents, f"{anchor}.spread", where), *pictures)
    outcome = contents.outcomes[layer, measure]
    if distances_by_family(outcome):
        pictures += _illustrate_dispersion(outcome, contents, anchor, where)
    return pictures


def _illustrate_spread(
    outcome: AkpOutcome, contents: Contents, name: str, where: str
) -> Illustration:
    finding = outcome.across
    return _illustrate(
        name,
        lambda: draw_spread_chart(
            finding.spread,
            outcome.generalisation,
            contents.styles,
            slope=finding.effect and finding.effect.slope,
        ),
        f"Spread at {where} against test accuracy, one point per family: how far its models lie "
        "from those of other families beyond what follows from accuracy. The line is the fitted "
        f"ratio. {finding.sentence}",
    )


def _illustrate_dispersion(
    outcome: Outcome, contents: Contents, anchor: str, where: str
) -> tuple[Illustration, Illustration]:
    distances, styles = distances_by_family(outcome), dispersed(outcome, contents.styles)
    confidence, level = 1 - outcome.alpha, wording.level(outcome)
    return (
        _illustrate(
            f"{anchor}.dispersion",
            lambda: draw_dispersion_chart(
                distances, log_ratios(outcome), styles, confidence=confidence
            ),
            f"Dispersion at {where}. Left: members’ distances to the centroid of their family, "
            f"their mean and its {level} interval. Right: the dispersion ratio to the control "
            f"with its {level} interval.",
        ),
        _illustrate(
            f"{anchor}.generalisation",
            lambda: draw_generalisation_chart(
                contents.summaries, distances, styles, confidence=confidence
            ),
            f"Test accuracy against dispersion at {where}, one point per family. Bars are one "
            f"standard deviation of the accuracy and the {level} interval of the mean "
            f"distance. {_correlation(outcome)}",
        ),
    )


def illustrate_training(contents: Contents) -> tuple[Illustration, ...]:
    """Draw validation accuracy and loss against the epoch, where members have them."""
    return tuple(
        _illustrate(
            f"training.{metric}",
            lambda metric=metric, label=label, common=common: draw_training_curves(
                contents.members, contents.styles, metric=metric, label=label, common_scale=common
            ),
            f"{label.capitalize()} after each epoch: the mean of each family."
            if len(families_by_legend(contents.styles)) > MOST_PANELS
            else f"{label.capitalize()} after each epoch: members thin, their mean thick. A dashed "
            f"line is a swap, labelled with its change. {_of_shared_panels(contents)}{remark}",
        )
        for metric, label, common, remark in (
            ("val_accuracy", "validation accuracy", True, "All panels share one scale."),
            (
                "val_loss",
                "validation loss",
                False,
                "Each panel has its own scale, because a swap of the loss changes its unit.",
            ),
        )
        if any(member.history.get(metric) for member in contents.members)
    )


def dispersed(outcome: Outcome, styles: Mapping[str, FamilyStyle]) -> dict[str, FamilyStyle]:
    """Return the styles of the families that have a dispersion."""
    return {
        family: style
        for family, style in styles.items()
        if outcome.dispersion.get(family) is not None
    }


def distances_by_family(outcome: Outcome) -> dict[str, list[float]]:
    """Return the members' distances to the centroid of their family, by family."""
    distances: dict[str, list[float]] = {}
    for family, distance in zip(outcome.families, outcome.member_distances, strict=True):
        if distance is not None:
            distances.setdefault(family, []).append(distance)
    return distances


def _of_shared_panels(contents: Contents) -> str:
    if len({style.legend for style in contents.styles.values()}) == len(contents.styles):
        return ""
    return "Families of one kind of stress share a panel, without their swaps. "


def _illustrate(name: str, draw: Callable[[], Figure], caption: str) -> Illustration:
    svg = render_svg(draw, name=name, alternative=caption)
    return Illustration(f"{FIGURES_FOLDER}/{name}.svg", Markup(svg), caption)


def log_ratios(outcome: Outcome) -> Mapping[str, tuple[float, float, float]]:
    """Return each family's log ratio to the control with the ends of its interval."""
    return {
        family: (ratio.log_ratio, *(ratio.interval or (math.nan, math.nan)))
        for family, ratio in outcome.ratios.items()
        if ratio.log_ratio is not None and math.isfinite(ratio.log_ratio)
    }


def _correlation(outcome: Outcome) -> str:
    association = outcome.association
    if association is None or association.statistic is None:
        return "The correlation of generalisation and dispersion is undefined here."
    return (
        f"Across {association.families} families, Spearman’s ρ is "
        f"{wording.fixed(association.statistic, 2)} "
        f"(adjusted p = {wording.probability(association.adjusted_pvalue)})."
    )
