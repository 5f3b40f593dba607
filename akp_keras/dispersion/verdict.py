"""The verdict: AKP, anti-AKP, neither or undecidable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from akp_keras.dispersion.association import Association, fewest_families
from akp_keras.dispersion.centroids import MOST_IMAGINARY
from akp_keras.dispersion.chance import nothing_learnt
from akp_keras.dispersion.wording import pvalue_text

AKP = "AKP"
ANTI_AKP = "anti-AKP"
NEITHER = "neither"
UNDECIDABLE = "undecidable"

# With three members a family the test of dispersions rejects too often, whichever way its
# permutations are drawn; with five it keeps its level (`akp_keras.dispersion.heterogeneity`), but
# sees only large differences.
FEWEST_MEMBERS = 5
ADVISED_MEMBERS = 8
_MOST_LISTED = 6


@dataclass(frozen=True)
class Verdict:
    """What the tests together say.

    Attributes:
        name: "AKP", "anti-AKP", "neither" or "undecidable".
        reason: one sentence that says why.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What the verdict rests on, for one layer and measure.

    Attributes:
        sizes: number of members of each family.
        generalisation: mean of each family, higher = better; None where not known.
        control: the family that others are compared with.
        unhappy: families that generalise worse than the control by more than the margin.
        heterogeneity: adjusted p-value of the test of dispersions; None where it was impossible.
        association: the family-level test; None where it was impossible.
        beyond_margin: the same with families tied whose generalisation differs by the margin or
            less; None with `association`.
        dispersed: whether any member has a distance to its family's centroid.
        permutations: number of random permutations behind the p-values.
    """

    sizes: Mapping[str, int]
    generalisation: Mapping[str, float] | None
    control: str
    unhappy: Sequence[str]
    heterogeneity: float | None
    association: Association | None
    beyond_margin: Association | None
    dispersed: bool
    permutations: int


def decide(
    evidence: Evidence, *, alpha: float, margin: float, chance: float | None = None
) -> Verdict:
    """Return the verdict on the Anna Karenina principle for one layer and measure.

    The principle (Zaneveld et al., Nature Microbiology 2, 2017) says that the less a family
    generalises, the more its members differ from each other. The rule asks in this order:

    1. *Undecidable*, where the design cannot answer. A family with fewer than five members: the
       test of dispersions is not calibrated there. All members of each family identical. No
       generalisation given, a control at chance, or no family that generalises worse than the
       control by more than the margin: there is no unhappy family to speak about. Fewer
       families than the family-level permutation test needs to reach alpha (five for the
       two-sided test at 0.05), where families within the margin count as one rank: a failure to
       reject would say nothing.
    2. *Neither*, where dispersions do not differ between families at alpha, or where they differ
       but do not follow generalisation at alpha. The first test has members as its unit and sees
       that schedules change dispersion; the second has families as its unit and sees that the
       change goes with generalisation. One alone is not the principle: dispersions may differ for
       a reason that has nothing to do with generalisation, and a rank correlation may order
       differences that are noise. The correlation must also hold with families tied that lie
       within the margin of each other.
    3. *AKP* where the correlation is negative (less generalisation, more dispersion), *anti-AKP*
       where it is positive. Both are looked for, since both occur: Ma (iScience 23, 2020) found
       AKP in about half of his cases, anti-AKP in a quarter and neither in a quarter.

    Both tests must reject, so the error of a verdict is at most alpha though two tests are made
    (intersection–union). Where several layers or measures are tested together the p-values
    are the adjusted ones, so that alpha bounds the chance of any false verdict among them.

    Args:
        evidence: the tests and what they were made on.
        alpha: level of both tests.
        margin: largest difference of generalisation that counts as alike.
        chance: generalisation of a model that guesses; None where it is not known.

    Returns:
        The verdict and its reason.
    """
    obstacle = _obstacle(evidence, alpha, margin, chance)
    if obstacle is not None:
        return Verdict(UNDECIDABLE, obstacle)
    association, tied = evidence.association, evidence.beyond_margin
    differ = pvalue_text(evidence.heterogeneity, evidence.permutations)
    if evidence.heterogeneity > alpha:
        return Verdict(
            NEITHER,
            f"Dispersions do not differ between families ({differ}, alpha = {alpha:g}).",
        )
    follows = _describe(association, evidence.permutations)
    if association.statistic is None or association.adjusted_pvalue > alpha:
        return Verdict(
            NEITHER,
            f"Dispersions differ between families ({differ}) but do not follow "
            f"generalisation ({follows}, alpha = {alpha:g}).",
        )
    if tied.adjusted_pvalue > alpha or tied.statistic * association.statistic < 0:
        return Verdict(
            NEITHER,
            f"Dispersions differ between families ({differ}) but follow generalisation only by "
            f"differences within the margin of {margin:g} (without them: "
            f"{_describe(tied, evidence.permutations)}, alpha = {alpha:g}).",
        )
    less = association.statistic < 0
    return Verdict(
        AKP if less else ANTI_AKP,
        f"Families that generalise less are {'more' if less else 'less'} dispersed "
        f"({follows}), and dispersions differ between families ({differ}).",
    )


def cautions(
    sizes: Mapping[str, int],
    imaginary_share: float,
    negative: int = 0,
    at_chance: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return what a reader of the figures should keep in mind.

    Args:
        sizes: number of members of each family.
        imaginary_share: of the distance matrix, as `centroids.imaginary_share` gives it.
        negative: number of members whose squared distance to their centroid is negative.
        at_chance: families that do no better than guessing.

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
    if imaginary_share > MOST_IMAGINARY:
        sentences.append(
            f"The distances are not Hilbertian ({imaginary_share:.1%} of their principal "
            "coordinates is imaginary): distances to centroids are approximate, and the p-value "
            "of the test of dispersions is not calibrated (of angles or noisy distances it can "
            "reject at 0.05 in 10 to 25 % of cases where nothing differs)."
        )
    if negative:
        sentences.append(
            f"{negative} {'member has' if negative == 1 else 'members have'} a negative squared "
            "distance to the centroid, which counts as 0."
        )
    if at_chance:
        sentences.append(f"At chance: {_list(at_chance)}.")
    return tuple(sentences)


def _obstacle(evidence: Evidence, alpha: float, margin: float, chance: float | None) -> str | None:
    generalisation = evidence.generalisation
    small = [family for family, members in evidence.sizes.items() if members < FEWEST_MEMBERS]
    if small:
        fewest = min(evidence.sizes[family] for family in small)
        return (
            f"Too few members: {_list(small)} {'has' if len(small) == 1 else 'have'} "
            f"{fewest if len(small) == 1 else f'as few as {fewest}'}, and at least "
            f"{FEWEST_MEMBERS} a family are needed."
        )
    if not evidence.dispersed:
        return "The members of each family are identical, so there is no dispersion to compare."
    if generalisation is None:
        return "The families' generalisation is not given, so dispersion cannot be held against it."
    learnt = nothing_learnt(generalisation[evidence.control], chance, margin)
    if learnt is not None:
        return learnt
    spread = max(generalisation.values()) - min(generalisation.values())
    if spread <= margin:
        return (
            f"All families generalise alike (they differ by {spread:.3g}, the margin is "
            f"{margin:g}), so there is no unhappy family to compare."
        )
    if not evidence.unhappy:
        return (
            f"No family generalises worse than {evidence.control} by more than the margin "
            f"({margin:g}), so there is no unhappy family to compare; the control should be the "
            "family without stress."
        )
    return _too_few(evidence.association, evidence.beyond_margin, alpha)


def _too_few(association: Association, beyond_margin: Association, alpha: float) -> str | None:
    if beyond_margin.smallest_pvalue <= alpha:
        return None
    fewest = fewest_families(alpha, association.alternative)
    remedy = (
        f"at least {fewest} families are needed"
        if association.families < fewest
        else "families that generalise differently are needed"
    )
    smallest = beyond_margin.smallest_pvalue
    return (
        f"Too few families: with {association.families} the family-level test cannot fall "
        f"below {pvalue_text(smallest)} (alpha = {alpha:g}); {remedy}."
    )


def _describe(association: Association, permutations: int) -> str:
    drawn = None if association.exact else permutations
    text = f"{pvalue_text(association.adjusted_pvalue, drawn)} over {association.families} families"
    if association.statistic is None:
        return text
    return f"Spearman's ρ = {association.statistic:.2f}, {text}"


def _list(names: Sequence[str]) -> str:
    further = len(names) - _MOST_LISTED
    if further <= 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_LISTED])} and {further} more"
