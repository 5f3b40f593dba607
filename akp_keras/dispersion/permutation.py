"""The public calls: from distances, families and generalisation to an outcome."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akp_keras.dispersion import crosschecks, inputs
from akp_keras.dispersion.association import Association, associations
from akp_keras.dispersion.centroids import distances_to_centroid, imaginary_share
from akp_keras.dispersion.design import Design, plan
from akp_keras.dispersion.heterogeneity import permuted_statistics
from akp_keras.dispersion.outcome import Outcome
from akp_keras.dispersion.ratios import DispersionRatio, dispersion_ratio
from akp_keras.dispersion.verdict import cautions, decide
from akp_keras.dispersion.westfall_young import permutation_pvalues

Key = TypeVar("Key", bound=Hashable)


def permutation_test(
    distances: ArrayLike,
    families: Sequence[str],
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
) -> Outcome:
    """Test the Anna Karenina principle on the distances among members of several families.

    Two tests make the verdict: whether families differ in dispersion (F of PERMDISP, permuted as
    `akp_keras.dispersion.heterogeneity` says), and whether the families that generalise less are
    the more dispersed ones (`akp_keras.dispersion.association`). The rule that joins them is
    `akp_keras.dispersion.verdict.decide`.

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
        distances: (M, M) distances among members: symmetric, zero on the diagonal.
        families: the family of each member, in the order of the distances.
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
    }
    keyed = {"distances": distances}
    outcomes = permutation_tests(keyed, families, generalisation, permutations, seed, **options)
    return outcomes["distances"]


def permutation_tests(
    distances: Mapping[Key, ArrayLike],
    families: Sequence[str],
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

    Returns:
        An outcome for each key, in the order given.

    Raises:
        ValueError: if the distances, families, generalisation or an option do not fit.
    """
    inputs.checked_options(permutations, alpha, alternative, margin)
    design = plan(families, members, control, generalisation)
    matrices = inputs.checked_matrices(distances, len(design.families))

    squared = {key: design.sort(matrix) ** 2 for key, matrix in matrices.items()}
    measured = {key: _measure(matrix, design.sizes) for key, matrix in squared.items()}

    rng = np.random.default_rng(seed)
    tests = _test_heterogeneity(list(squared.values()), design.sizes, permutations, rng)
    dispersions = [dispersion for _, dispersion in measured.values()]
    related = _test_association(dispersions, design.generalisation, permutations, rng, alternative)

    outcomes = {}
    for key, (statistic, pvalue, adjusted), association in zip(
        matrices, tests, related, strict=True
    ):
        of_members, dispersion = measured[key]
        share = imaginary_share(squared[key])
        verdict = decide(design.sizes, design.generalisation, adjusted, association, alpha, margin)
        checked = matrices[key], design.families, crosscheck_permutations, seed
        outcomes[key] = Outcome(
            verdict=verdict.name,
            reason=verdict.reason,
            cautions=cautions(design.sizes, share),
            statistic=statistic,
            pvalue=pvalue,
            adjusted_pvalue=adjusted,
            dispersion=design.show(dispersion),
            ratios=design.show(_ratios(squared[key], design, 1 - alpha)),
            association=association,
            permdisp=crosschecks.permdisp(*checked) if crosscheck_permutations else None,
            permanova=crosschecks.permanova(*checked) if crosscheck_permutations else None,
            members=design.members,
            families=design.families,
            member_distances=design.unsort(of_members),
            sizes=design.show(design.sizes),
            generalisation=design.generalisation and design.show(design.generalisation),
            unhappy=design.unhappy(margin),
            control=design.control,
            margin=float(margin),
            alpha=float(alpha),
            imaginary_share=share,
            permutations=int(permutations),
            seed=int(seed),
        )
    return outcomes


def _measure(
    squared: NDArray[np.float64], sizes: Mapping[str, int]
) -> tuple[list[float | None], dict[str, float | None]]:
    of_members: list[float | None] = []
    dispersion: dict[str, float | None] = {}
    for family, size in sizes.items():
        block = slice(len(of_members), len(of_members) + size)
        if size < 2:
            of_members.append(None)
            dispersion[family] = None
            continue
        values = distances_to_centroid(squared[block, block])
        of_members.extend(values.tolist())
        dispersion[family] = float(values.mean())
    return of_members, dispersion


def _test_heterogeneity(
    squared: list[NDArray[np.float64]],
    sizes: Mapping[str, int],
    permutations: int,
    rng: np.random.Generator,
) -> list[tuple[float | None, float | None, float | None]]:
    # A single member has no distance to its centroid, so its family takes no part.
    of_members = np.repeat(list(sizes.values()), list(sizes.values()))
    several = np.flatnonzero(of_members > 1)
    tested = np.array([size for size in sizes.values() if size > 1])
    if len(tested) < 2:
        return [(None, None, None)] * len(squared)
    kept = [matrix[np.ix_(several, several)] for matrix in squared]
    statistics = permuted_statistics(kept, tested, permutations, rng)
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
