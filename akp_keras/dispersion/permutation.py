"""The public calls: from distances, families and generalisation to an outcome."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akp_keras.dispersion import crosschecks, inputs
from akp_keras.dispersion.association import Association, associations, ranks_beyond_margin
from akp_keras.dispersion.centroids import (
    count_negative,
    distances_to_centroid,
    imaginary_share,
    squared_distances_to_centroid,
)
from akp_keras.dispersion.design import Design, plan
from akp_keras.dispersion.heterogeneity import permuted_statistics
from akp_keras.dispersion.labels import aligned
from akp_keras.dispersion.outcome import Outcome
from akp_keras.dispersion.ratios import DispersionRatio, dispersion_ratio
from akp_keras.dispersion.verdict import Evidence, cautions, decide
from akp_keras.dispersion.westfall_young import permutation_pvalues

Key = TypeVar("Key", bound=Hashable)


def permutation_test(
    distances: ArrayLike,
    families: Sequence[str] | Mapping[str, str],
    generalisation: Mapping[str, float] | Sequence[float] | None = None,
    permutations: int = 9999,
    seed: int = 0,
    *,
    control: str | None = None,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    margin: float = 0.01,
    members: Sequence[str] | None = None,
    crosscheck_permutations: int = 999,
    chance: float | None = None,
    blocks: Mapping[str, Hashable] | Sequence[Hashable] | None = None,
) -> Outcome:
    """Test whether seeds of a schedule differ more where the schedule generalises less.

    This is the Anna Karenina principle within families; `akp_test` puts the paper's question,
    across families. Two tests make the verdict: whether families differ in dispersion (F of
    PERMDISP, permuted as `akp_keras.dispersion.heterogeneity` says), and whether the families that
    generalise less are the more dispersed ones (`akp_keras.dispersion.association`). The rule that
    joins them is `akp_keras.dispersion.verdict.decide`.

    Examples:
        >>> accuracy = {"control": 0.9, "gelu": 0.87, "hinge": 0.8, "pulse": 0.75, "shock": 0.6}
        >>> families = np.repeat(list(accuracy), 8)
        >>> spread = np.repeat([1.0, 1.2, 1.5, 1.9, 2.4], 8)
        >>> members = spread[:, None] * np.random.default_rng(0).normal(size=(40, 20))
        >>> distances = np.linalg.norm(members[:, None] - members, axis=-1)
        >>> outcome = permutation_test(distances, families, accuracy)
        >>> outcome.verdict, outcome.pvalue
        ('AKP', 0.0001)
        >>> [round(limit, 2) for limit in outcome.ratios["shock"].interval]
        [0.78, 1.08]

    Args:
        distances: (M, M) distances among members: symmetric, zero on the diagonal. The rows of a
            data frame or a `skbio.DistanceMatrix` are matched to the members by their names.
        families: the family of each member, in the order of the distances or by the member's name.
        generalisation: for each family a value, or for each member a value that is averaged over
            its family; higher = generalises better, for example test accuracy in [0, 1].
        permutations: number of random permutations B; the smallest p-value is 1/(B + 1).
        seed: seed of the permutations; the same seed gives the same outcome.
        control: the family against which ratios are taken; by default "control" where there is
            such a family, else the first.
        alpha: level of the tests; intervals have the level 1 − alpha.
        alternative: "two-sided" looks for AKP and anti-AKP; "less" (ρ < 0) for AKP alone, and
            "greater" for anti-AKP alone.
        margin: largest difference of generalisation that counts as alike, in its own unit; 0.01
            is one percentage point of accuracy.
        members: names of the members; `<family>/<0, 1, …>` by default. Permutations are drawn
            over members in the order of their families' and their own names, so that the
            order of rows does not matter where names are given.
        crosscheck_permutations: number of permutations for scikit-bio's PERMDISP and PERMANOVA,
            which take about a millisecond each; 0 leaves both out.
        chance: generalisation of a model that guesses, 0.5 of two balanced classes; a control
            near it makes the verdict undecidable. None where it is not known.
        blocks: for each member a label, by name or in order: in the test of dispersions members
            change places within their block only, such as those of one initialisation.

    Returns:
        The outcome.

    Raises:
        ValueError: if the distances, families, generalisation or an option do not fit.
    """
    options = {
        "control": control,
        "alpha": alpha,
        "alternative": alternative,
        "margin": margin,
        "members": members,
        "crosscheck_permutations": crosscheck_permutations,
        "chance": chance,
        "blocks": blocks,
    }
    keyed = {"distances": distances}
    outcomes = permutation_tests(keyed, families, generalisation, permutations, seed, **options)
    return outcomes["distances"]


def permutation_tests(
    distances: Mapping[Key, ArrayLike],
    families: Sequence[str] | Mapping[str, str],
    generalisation: Mapping[str, float] | Sequence[float] | None = None,
    permutations: int = 9999,
    seed: int = 0,
    *,
    control: str | None = None,
    alpha: float = 0.05,
    alternative: str = "two-sided",
    margin: float = 0.01,
    members: Sequence[str] | None = None,
    crosscheck_permutations: int = 999,
    chance: float | None = None,
    blocks: Mapping[str, Hashable] | Sequence[Hashable] | None = None,
) -> dict[Key, Outcome]:
    """Test several layers and measures of the same members together.

    All see the same permutations, and both tests' p-values are adjusted by step-down minimum p
    (`akp_keras.dispersion.westfall_young`), so that alpha bounds the chance of any false verdict.

    Args:
        distances: for each key (a layer, or a layer and a measure) an (M, M) distance matrix over
            the same members in the same order.
        families: as in `permutation_test`.
        generalisation: as in `permutation_test`.
        permutations: as in `permutation_test`.
        seed: as in `permutation_test`.
        control: as in `permutation_test`.
        alpha: as in `permutation_test`.
        alternative: as in `permutation_test`.
        margin: as in `permutation_test`.
        members: as in `permutation_test`.
        crosscheck_permutations: as in `permutation_test`.
        chance: as in `permutation_test`.
        blocks: as in `permutation_test`.

    Returns:
        An outcome for each key, in the order given.

    Raises:
        ValueError: if the distances, families, generalisation or an option do not fit.
    """
    inputs.checked_options(permutations, alpha, alternative, margin)
    seed = inputs.checked_seed(seed)
    distances, members = aligned(distances, members)
    design = plan(families, members, control, generalisation)
    labels = _block_labels(inputs.checked_blocks(blocks, design.members, "member"), design)
    matrices = inputs.checked_matrices(distances, len(design.families))

    units = {key: inputs.unit_of(matrix) for key, matrix in matrices.items()}
    squared = {key: (design.sort(matrix) / units[key]) ** 2 for key, matrix in matrices.items()}
    measured = {key: _measure(matrix, design.sizes, units[key]) for key, matrix in squared.items()}

    rng = np.random.default_rng(seed)
    tests = _test_heterogeneity(list(squared.values()), design.sizes, permutations, rng, labels)
    dispersions = [measure.dispersion for measure in measured.values()]
    means, tied = _ranked(design.generalisation, margin)
    related = _test_association(dispersions, means, permutations, rng, alternative)
    beyond = _test_association(
        dispersions, tied, permutations, np.random.default_rng(seed), alternative
    )

    outcomes = {}
    for key, (statistic, pvalue, adjusted), association, beyond_margin in zip(
        matrices, tests, related, beyond, strict=True
    ):
        measure = measured[key]
        share = imaginary_share(squared[key])
        evidence = Evidence(
            sizes=design.sizes,
            generalisation=design.generalisation,
            control=design.control,
            unhappy=design.unhappy(margin),
            heterogeneity=adjusted,
            association=association,
            beyond_margin=beyond_margin,
            dispersed=any(measure.dispersion.values()),
            permutations=permutations,
        )
        verdict = decide(evidence, alpha=alpha, margin=margin, chance=chance)
        unit_free = matrices[key] / units[key]
        checked = unit_free, design.families, crosscheck_permutations, seed
        outcomes[key] = Outcome(
            verdict=verdict.name,
            reason=verdict.reason,
            cautions=cautions(
                design.sizes, share, measure.negative, design.at_chance(chance, margin)
            ),
            statistic=statistic,
            pvalue=pvalue,
            adjusted_pvalue=adjusted,
            dispersion=design.show(measure.dispersion),
            ratios=design.show(_ratios(squared[key], design, 1 - alpha)),
            association=association,
            permdisp=crosschecks.permdisp(*checked) if crosscheck_permutations else None,
            permanova=crosschecks.permanova(*checked) if crosscheck_permutations else None,
            members=design.members,
            families=design.families,
            member_distances=design.unsort(measure.of_members),
            sizes=design.show(design.sizes),
            generalisation=design.generalisation and design.show(design.generalisation),
            unhappy=design.unhappy(margin),
            control=design.control,
            margin=float(margin),
            alpha=float(alpha),
            imaginary_share=share,
            permutations=int(permutations),
            seed=seed,
        )
    return outcomes


@dataclass(frozen=True)
class _Measure:
    of_members: list[float | None]
    dispersion: dict[str, float | None]
    negative: int


def _measure(squared: NDArray[np.float64], sizes: Mapping[str, int], unit: float) -> _Measure:
    of_members: list[float | None] = []
    dispersion: dict[str, float | None] = {}
    negative = 0
    for family, size in sizes.items():
        block = slice(len(of_members), len(of_members) + size)
        if size < 2:
            of_members.append(None)
            dispersion[family] = None
            continue
        values = unit * distances_to_centroid(squared[block, block])
        negative += count_negative(squared_distances_to_centroid(squared[block, block]))
        of_members.extend(values.tolist())
        dispersion[family] = float(values.mean())
    return _Measure(of_members, dispersion, negative)


def _block_labels(blocks: tuple[Hashable, ...] | None, design: Design) -> NDArray[np.int64] | None:
    if blocks is None:
        return None
    numbers = {label: number for number, label in enumerate(dict.fromkeys(blocks))}
    labels = np.array([numbers[label] for label in blocks])[design.order]
    # Single members take no part in the test of dispersions.
    return labels[[design.sizes[design.families[place]] > 1 for place in design.order]]


def _ranked(
    generalisation: Mapping[str, float] | None, margin: float
) -> tuple[Mapping[str, float] | None, Mapping[str, float] | None]:
    if generalisation is None:
        return None, None
    tied = ranks_beyond_margin(np.array(list(generalisation.values())), margin)
    return generalisation, dict(zip(generalisation, tied.tolist(), strict=True))


def _test_heterogeneity(
    squared: list[NDArray[np.float64]],
    sizes: Mapping[str, int],
    permutations: int,
    rng: np.random.Generator,
    blocks: NDArray[np.int64] | None,
) -> list[tuple[float | None, float | None, float | None]]:
    # A single member has no distance to its centroid, so its family takes no part.
    of_members = np.repeat(list(sizes.values()), list(sizes.values()))
    several = np.flatnonzero(of_members > 1)
    tested = np.array([size for size in sizes.values() if size > 1])
    # Both members of a pair are equally far from their centroid, so that F of pairs is infinite.
    if len(tested) < 2 or tested.max() < 3:
        return [(None, None, None)] * len(squared)
    kept = [matrix[np.ix_(several, several)] for matrix in squared]
    statistics = permuted_statistics(kept, tested, permutations, rng, blocks)
    raw, adjusted = permutation_pvalues(statistics)
    return [
        (float(f), float(p), float(q))
        for f, p, q in zip(statistics[:, 0], raw, adjusted, strict=True)
    ]


def _test_association(
    dispersions: list[dict[str, float | None]],
    generalisation: Mapping[str, float] | None,
    permutations: int,
    rng: np.random.Generator,
    alternative: str,
) -> list[Association | None]:
    measured = [family for family, value in dispersions[0].items() if value is not None]
    if generalisation is None or len(measured) < 2:
        return [None] * len(dispersions)
    values = np.array([[layer[family] for family in measured] for layer in dispersions])
    means = np.array([generalisation[family] for family in measured])
    return list(associations(means, values, permutations, rng, alternative))


def _ratios(
    squared: NDArray[np.float64], design: Design, level: float
) -> dict[str, DispersionRatio]:
    ends = np.cumsum(list(design.sizes.values()))
    blocks = {
        family: squared[end - size : end, end - size : end]
        for (family, size), end in zip(design.sizes.items(), ends, strict=True)
    }
    reference = blocks.pop(design.control)
    return {family: dispersion_ratio(block, reference, level) for family, block in blocks.items()}
