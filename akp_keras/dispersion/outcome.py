"""What the test of dispersions found, for one layer and measure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from akp_keras.dispersion.association import Association
from akp_keras.dispersion.crosschecks import CrossCheck
from akp_keras.dispersion.plain import to_plain
from akp_keras.dispersion.ratios import DispersionRatio


@dataclass(frozen=True)
class Outcome:
    """Dispersions, tests and verdict for one distance matrix.

    Attributes:
        verdict: "AKP", "anti-AKP", "neither" or "undecidable"; the rule is in
            `akp_keras.dispersion.verdict.decide`.
        reason: one sentence that says why.
        cautions: sentences that a reader of the figures should keep in mind.
        statistic: F of the analysis of variance of members' distances to their centroids, in
            [0, ∞]; None where fewer than two families have two members.
        pvalue: its p-value over calibrated permutations; None with the statistic.
        adjusted_pvalue: the same, adjusted for the layers and measures tested together; equal
            to `pvalue` where one was tested alone.
        dispersion: mean distance of each family's members to their centroid, adjusted for the
            number of members, in the unit of the distances; None for a family of one member.
        ratios: for each family but the control, its log dispersion ratio against the control.
        association: the family-level test of generalisation and dispersion; None where
            generalisation was not given or fewer than two families have two members.
        permdisp: scikit-bio's PERMDISP on the same distances; None where left out or impossible.
        permanova: scikit-bio's PERMANOVA on the same distances; None where left out or
            impossible.
        members: names of the members, in the order of the distance matrix.
        families: the family of each member.
        member_distances: distance of each member to its family's centroid, adjusted for the number
            of members; their mean over a family is its dispersion. None for a single member.
        sizes: number of members of each family.
        generalisation: mean of each family, higher = better; None where not given.
        unhappy: families that generalise worse than the control by more than the margin.
        control: the family against which ratios are taken.
        margin: largest difference of generalisation that counts as alike.
        alpha: level of the tests.
        imaginary_share: how far the distances are from Hilbertian, in [0, 1).
        permutations: number of random permutations.
        seed: seed of the permutations.
    """

    verdict: str
    reason: str
    cautions: tuple[str, ...]
    statistic: float | None
    pvalue: float | None
    adjusted_pvalue: float | None
    dispersion: Mapping[str, float | None]
    ratios: Mapping[str, DispersionRatio]
    association: Association | None
    permdisp: CrossCheck | None
    permanova: CrossCheck | None
    members: tuple[str, ...]
    families: tuple[str, ...]
    member_distances: tuple[float | None, ...]
    sizes: Mapping[str, int]
    generalisation: Mapping[str, float] | None
    unhappy: tuple[str, ...]
    control: str
    margin: float
    alpha: float
    imaginary_share: float
    permutations: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Return the outcome in the types of JSON.

        Returns:
            A dictionary in the order of the attributes; tuples become lists, and None stands for
            what is not a finite number (an infinite log ratio shows in `dispersion` as a zero).
        """
        return to_plain(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Outcome:
        """Return the inverse of `to_dict`.

        Raises:
            KeyError: if an attribute is missing.
            TypeError: if one is not of its type.
        """
        values = {field.name: plain[field.name] for field in dataclasses.fields(cls)}
        for name in ("cautions", "members", "families", "member_distances", "unhappy"):
            values[name] = tuple(values[name])
        for name, kind in (
            ("association", Association),
            ("permdisp", CrossCheck),
            ("permanova", CrossCheck),
        ):
            values[name] = None if values[name] is None else kind(**values[name])
        if values["statistic"] is None and values["pvalue"] is not None:
            values["statistic"] = math.inf
        control = values["dispersion"][values["control"]]
        values["ratios"] = {
            family: _ratio(ratio, values["dispersion"][family], control)
            for family, ratio in values["ratios"].items()
        }
        return cls(**values)


def _ratio(
    plain: Mapping[str, object], dispersion: float | None, control: float | None
) -> DispersionRatio:
    log_ratio, interval = plain["log_ratio"], plain["interval"]
    if log_ratio is None and dispersion is not None and control is not None:
        # JSON has no infinity; the two dispersions, of which one is 0, tell its sign.
        log_ratio = (
            math.inf if control < dispersion else -math.inf if dispersion < control else None
        )
    return DispersionRatio(log_ratio, None if interval is None else tuple(interval), plain["level"])
