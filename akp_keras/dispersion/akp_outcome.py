"""What the test of the principle found, for one layer and measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from akp_keras.dispersion.effect import Effect
from akp_keras.dispersion.location import Location
from akp_keras.dispersion.plain import from_plain, to_plain
from akp_keras.dispersion.pool_ratio import PoolRatio
from akp_keras.dispersion.pools import Standing


@dataclass(frozen=True)
class Retest:
    """The test made again on other families, or with another trend of location.

    Attributes:
        statistic: Spearman's ρ; None where it cannot be computed.
        pvalue: adjusted for the layers and measures tested together; None where it was not made.
    """

    statistic: float | None
    pvalue: float | None


@dataclass(frozen=True)
class Finding:
    """The verdict on one estimand, with what it rests on.

    Attributes:
        verdict: "AKP", "anti-AKP", "no difference found", "equivalent" or "undecidable"; the rule
            is in `akp_keras.dispersion.akp_verdict`.
        reason: why it is undecidable; empty elsewhere.
        qualifiers: "driven by between" or "driven by within", "carried by K" for a kind of stress
            K, "undecidable without K", "fragile", "measure-dependent".
        sentence: the verdict as it may be published.
        statistic: Spearman's ρ of spread and generalisation over families; negative: less
            generalisation, more spread. None where it cannot be computed.
        pvalue: its two-sided permutation p-value; None where the verdict is undecidable.
        adjusted_pvalue: the same, adjusted for the layers, measures and kinds tested together.
        effect: the ratio of spread for a loss of generalisation; None where it cannot be fitted.
        spread: spread of each family, a standard deviation in the unit of the distances: from the
            trend of location (across, between) or of its seeds (within).
        negative: number of families whose squared spread is negative and counts as 0.
        unhappy: families that generalise worse than the control by more than the margin.
        pools: the spread among unhappy over that among happy families; None without two of each.
        without_family: the test without each family; p-values where some layer or measure shows
            AKP or anti-AKP.
        without_kind: the test without the families of each kind of stress.
        with_chance: the test with the models at chance; None where there are none.
        other_trend: the test with a straight trend where a curved one was taken, and the reverse;
            None within families, where location plays no part.
    """

    verdict: str
    reason: str
    qualifiers: tuple[str, ...]
    sentence: str
    statistic: float | None
    pvalue: float | None
    adjusted_pvalue: float | None
    effect: Effect | None
    spread: Mapping[str, float]
    negative: int
    unhappy: tuple[str, ...]
    pools: PoolRatio | None
    without_family: Mapping[str, Retest]
    without_kind: Mapping[str, Retest]
    with_chance: Retest | None
    other_trend: Retest | None


@dataclass(frozen=True)
class Findings:
    """The three verdicts on one set of families.

    Attributes:
        across: on models of different families (T), the paper's question.
        between: on the centroids of families (B).
        within: on the seeds of families (W).
    """

    across: Finding
    between: Finding
    within: Finding


@dataclass(frozen=True)
class AkpOutcome:
    """Verdicts, effects and their conditions for one distance matrix.

    Attributes:
        across: verdict on models of different families (T), the paper's question.
        between: verdict on the centroids of families (B).
        within: verdict on the seeds of families (W).
        kinds: the three verdicts for each kind of stress, on its families and the control.
        variances: T, B and W over all families, T = B + W; None where a family has one member.
        standings: how each family generalises against the control.
        location: whether models that generalise less lie further from the happy ones.
        explained_share: R² of PERMANOVA over all members that took part; None where all distances
            are zero.
        imaginary_share: how far the distances are from Hilbertian, in [0, 1).
        cautions: sentences that a reader should keep in mind.
        members: names of the members that took part.
        families: the family of each of them.
        at_chance: members left out, as they are at chance.
        generalisation: mean of each family over the members that took part, higher = better.
        control: the family that others are compared with.
        margin: largest difference of generalisation that counts as alike.
        chance: generalisation of a model that guesses; None where not given.
        alpha: level of the tests; intervals have the level 1 − alpha.
        equivalence: the range of ratios that counts as equivalent.
        drawn: whether the families were drawn from a distribution of stress.
        permutations: number of random permutations.
        seed: seed of the permutations.
    """

    across: Finding
    between: Finding
    within: Finding
    kinds: Mapping[str, Findings]
    variances: Mapping[str, float | None]
    standings: Mapping[str, Standing]
    location: Location | None
    explained_share: float | None
    imaginary_share: float
    cautions: tuple[str, ...]
    members: tuple[str, ...]
    families: tuple[str, ...]
    at_chance: tuple[str, ...]
    generalisation: Mapping[str, float]
    control: str
    margin: float
    chance: float | None
    alpha: float
    equivalence: tuple[float, float]
    drawn: bool
    permutations: int
    seed: int

    def to_dict(self) -> dict[str, object]:
        """Return the outcome in the types of JSON, in the order of the attributes."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> AkpOutcome:
        """Return the inverse of `to_dict`.

        Raises:
            KeyError: if an attribute is missing.
            TypeError: if one is not of its type.
        """
        return from_plain(cls, plain)
