"""The verdict: AKP, anti-AKP, neither or undecidable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from akp_keras.dispersion.association import Association, fewest_families

AKP = "AKP"
ANTI_AKP = "anti-AKP"
NEITHER = "neither"
UNDECIDABLE = "undecidable"

# With three members a family the test of dispersions rejects too often, whichever way its
# permutations are drawn; with five it keeps its level (`akp_keras.dispersion.heterogeneity`), but
# sees only large differences.
FEWEST_MEMBERS = 5
ADVISED_MEMBERS = 8


@dataclass(frozen=True)
class Verdict:
    """What the tests together say.

    Attributes:
        name: "AKP", "anti-AKP", "neither" or "undecidable".
        reason: one sentence that says why.
    """

    name: str
    reason: str


def decide(
    sizes: Mapping[str, int],
    generalisation: Mapping[str, float] | None,
    heterogeneity: float | None,
    association: Association | None,
    alpha: float,
    margin: float,
) -> Verdict:
    """The verdict on the Anna Karenina principle for one layer and measure.

    The principle (Zaneveld et al., Nature Microbiology 2, 2017) says that the less a family
    generalises, the more its members differ from each other. The rule asks in this order:

    1. *Undecidable*, where the design cannot answer. A family with fewer than five members: the
       test of dispersions is not calibrated there. No generalisation given, or all families
       generalise alike within the margin: there is no unhappy family to speak about. Fewer
       families than the family-level permutation test needs to reach alpha (five for the
       two-sided test at 0.05): a failure to reject would say nothing.
    2. *Neither*, where dispersions do not differ between families at alpha, or where they differ
       but do not follow generalisation at alpha. The first test has members as its unit and sees
       that schedules change dispersion; the second has families as its unit and sees that the
       change goes with generalisation. One alone is not the principle: dispersions may differ for
       a reason that has nothing to do with generalisation, and a rank correlation may order
       differences that are noise.
    3. *AKP* where the correlation is negative (less generalisation, more dispersion), *anti-AKP*
       where it is positive. Both are looked for, since both occur: Ma (iScience 23, 2020) found
       AKP in about half of his cases, anti-AKP in a quarter and neither in a quarter.

    Both tests must reject, so the error of a verdict is at most alpha though two tests are made
    (intersection–union). Where several layers or measures are tested together the p-values
    are the adjusted ones, so that alpha bounds the chance of any false verdict among them.

    Args:
        sizes: number of members of each family.
        generalisation: mean of each family, higher = better; None where not known.
        heterogeneity: adjusted p-value of the test of dispersions; None where it was impossible.
        association: the family-level test; None where it was impossible.
        alpha: level of both tests.
        margin: largest difference of generalisation that counts as alike.

    Returns:
        The verdict and its reason.
    """
    obstacle = _obstacle(sizes, generalisation, association, alpha, margin)
    if obstacle is not None:
        return Verdict(UNDECIDABLE, obstacle)
    if heterogeneity > alpha:
        return Verdict(
            NEITHER,
            f"Dispersions do not differ between families (p = {_p(heterogeneity)}, "
            f"alpha = {alpha:g}).",
        )
    if association.statistic is None or association.adjusted_pvalue > alpha:
        return Verdict(
            NEITHER,
            f"Dispersions differ between families (p = {_p(heterogeneity)}) but do not follow "
            f"generalisation ({_describe(association)}, alpha = {alpha:g}).",
        )
    less = association.statistic < 0
    return Verdict(
        AKP if less else ANTI_AKP,
        f"Families that generalise less are {'more' if less else 'less'} dispersed "
        f"({_describe(association)}), and dispersions differ between families "
        f"(p = {_p(heterogeneity)}).",
    )


def cautions(sizes: Mapping[str, int], imaginary_share: float) -> tuple[str, ...]:
    """What a reader of the figures should keep in mind.

    Args:
        sizes: number of members of each family.
        imaginary_share: of the distance matrix, as `centroids.imaginary_share` gives it.

    Returns:
        Sentences, possibly none.
    """
    sentences = []
    few = [family for family, members in sizes.items() if members < ADVISED_MEMBERS]
    if few:
        sentences.append(
            f"Fewer than {ADVISED_MEMBERS} members in {_list(few)}: only large differences of "
            "dispersion can be seen."
        )
    if max(sizes.values()) > 2 * min(sizes.values()):
        sentences.append(
            "One family has more than twice the members of another: families of one size "
            "make the tests sharper and safer."
        )
    if imaginary_share > 0.01:
        sentences.append(
            f"The distances are not Hilbertian ({imaginary_share:.1%} of their principal "
            "coordinates is imaginary): distances to centroids are approximate."
        )
    return tuple(sentences)


def _obstacle(
    sizes: Mapping[str, int],
    generalisation: Mapping[str, float] | None,
    association: Association | None,
    alpha: float,
    margin: float,
) -> str | None:
    small = [family for family, members in sizes.items() if members < FEWEST_MEMBERS]
    if small:
        fewest = min(sizes[family] for family in small)
        return (
            f"Too few members: {_list(small)} {'has' if len(small) == 1 else 'have'} "
            f"{fewest if len(small) == 1 else f'as few as {fewest}'}, and at least "
            f"{FEWEST_MEMBERS} a family are needed."
        )
    if generalisation is None:
        return "The families' generalisation is not given, so dispersion cannot be held against it."
    spread = max(generalisation.values()) - min(generalisation.values())
    if spread <= margin:
        return (
            f"All families generalise alike (they differ by {spread:.3g}, the margin is "
            f"{margin:g}), so there is no unhappy family to compare."
        )
    if association.smallest_pvalue > alpha:
        fewest = fewest_families(alpha, association.alternative)
        tied = len(set(generalisation.values())) < association.families
        remedy = (
            "families that generalise differently are needed"
            if tied and association.families >= fewest
            else f"at least {fewest} families are needed"
        )
        return (
            f"Too few families: with {association.families} the family-level test cannot fall "
            f"below p = {_p(association.smallest_pvalue)} (alpha = {alpha:g}); {remedy}."
        )
    return None


def _describe(association: Association) -> str:
    p = f"p = {_p(association.adjusted_pvalue)} over {association.families} families"
    if association.statistic is None:
        return p
    return f"Spearman's ρ = {association.statistic:.2f}, {p}"


def _p(value: float) -> str:
    return f"{value:.2g}"


def _list(names: list[str]) -> str:
    return ", ".join(names)
