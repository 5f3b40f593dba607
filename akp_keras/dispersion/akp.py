"""The public calls of the test of the Anna Karenina principle as the paper puts it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akp_keras.dispersion import inputs
from akp_keras.dispersion.akp_outcome import AkpOutcome, Findings
from akp_keras.dispersion.centroids import MOST_IMAGINARY, imaginary_share
from akp_keras.dispersion.chance import at_chance
from akp_keras.dispersion.design import Design, plan
from akp_keras.dispersion.estimands import ESTIMANDS, FamilyDistances, family_distances
from akp_keras.dispersion.findings import ALONE, Measured, Options, find
from akp_keras.dispersion.labels import aligned
from akp_keras.dispersion.location import Location, locate
from akp_keras.dispersion.permanova import explained_share
from akp_keras.dispersion.pools import HAPPY
from akp_keras.dispersion.selection import Rules
from akp_keras.dispersion.study import (
    Kinds,
    Study,
    checked_family_blocks,
    checked_kinds,
    member_values,
    study,
)

Key = TypeVar("Key", bound=Hashable)

ADVISED_FAMILIES = 20


def akp_test(
    distances: ArrayLike,
    families: Sequence[str] | Mapping[str, str],
    generalisation: Mapping[str, float] | Sequence[float],
    *,
    control: str = "control",
    kinds: Kinds | None = None,
    chance: float | None = None,
    margin: float = 0.01,
    alpha: float = 0.05,
    blocks: Mapping[str, Hashable] | None = None,
    members: Sequence[str] | None = None,
    drawn: bool = False,
    equivalence: tuple[float, float] = (0.8, 1.25),
    per: float = 0.1,
    permutations: int = 9999,
    seed: int = 0,
) -> AkpOutcome:
    """Test the Anna Karenina principle: do models that generalise less differ more?

    The question is put to models of different families (T), to the families' centroids (B) and to
    the seeds within families (W); see `akp_keras.dispersion.estimands`. The unit of replication
    is the family, so that many families of one or two members decide more than few of many.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> accuracy = {f"family{f}": 0.95 - 0.008 * f for f in range(40)}
        >>> spread = np.linspace(1, 3, 40)[:, None]
        >>> models = spread * rng.normal(size=(40, 20))
        >>> distances = np.linalg.norm(models[:, None] - models, axis=-1)
        >>> outcome = akp_test(distances, list(accuracy), accuracy, control="family0")
        >>> outcome.across.verdict, outcome.within.verdict
        ('AKP', 'undecidable')
        >>> "{:.2f} to {:.2f}".format(*outcome.across.effect.interval)
        '1.33 to 1.49'

    Args:
        distances: (M, M) distances among members: symmetric, zero on the diagonal. The rows of a
            data frame or a `skbio.DistanceMatrix` are matched to the members by their names.
        families: the family of each member, in the order of the distances or by the member's name.
            Members trained under one schedule are one family.
        generalisation: a value for each member, by name or in order, or for each family by name;
            higher = generalises better, for example test accuracy in [0, 1]. With a value for each
            member, families are sorted into happy and unhappy by their seeds' variance.
        control: the family without stress.
        kinds: what each family's stress changes, a name or several: "activation", "loss", …; gives
            verdicts for each kind, and says which kind carries the verdict. The control needs none.
        chance: generalisation of a model that guesses, 0.5 of two balanced classes. Members within
            the margin of it are left out and reported, since they have little to vary in. None
            where it is not known.
        margin: largest difference of generalisation that counts as alike, in its own unit; 0.01
            is one percentage point of accuracy.
        alpha: level of the tests; intervals have the level 1 − alpha.
        blocks: for each family a label: families change places within their block only, such as
            those of one architecture.
        members: names of the members; `<family>/<0, 1, …>` by default.
        drawn: whether the families were drawn at random from a distribution of stress, rather than
            picked by hand; the sentence says of which the verdict speaks.
        equivalence: the range of ratios of spread that counts as equivalent.
        per: loss of generalisation for which ratios are given.
        permutations: number of random permutations B; the smallest p-value is 1/(B + 1).
        seed: seed of the permutations; the same seed gives the same outcome.

    Returns:
        The outcome.

    Raises:
        ValueError: if the distances, families, generalisation or an option do not fit.
    """
    outcomes = akp_tests(
        {ALONE: distances},
        families,
        generalisation,
        control=control,
        kinds=kinds,
        chance=chance,
        margin=margin,
        alpha=alpha,
        blocks=blocks,
        members=members,
        drawn=drawn,
        equivalence=equivalence,
        per=per,
        permutations=permutations,
        seed=seed,
    )
    return outcomes[ALONE]


def akp_tests(
    distances: Mapping[Key, ArrayLike],
    families: Sequence[str] | Mapping[str, str],
    generalisation: Mapping[str, float] | Sequence[float],
    *,
    control: str = "control",
    kinds: Kinds | None = None,
    chance: float | None = None,
    margin: float = 0.01,
    alpha: float = 0.05,
    blocks: Mapping[str, Hashable] | None = None,
    members: Sequence[str] | None = None,
    drawn: bool = False,
    equivalence: tuple[float, float] = (0.8, 1.25),
    per: float = 0.1,
    permutations: int = 9999,
    seed: int = 0,
) -> dict[Key, AkpOutcome]:
    """Test several layers and measures of the same members together.

    All see the same permutations, and p-values are adjusted for what is tested together
    (`akp_keras.dispersion.questions`).

    Args:
        distances: for each key an (M, M) distance matrix over the same members. Where keys are
            pairs (layer, measure), sentences name them, and a verdict that other measures of the
            layer do not give is "measure-dependent".
        families: as in `akp_test`.
        generalisation: as in `akp_test`.
        control: as in `akp_test`.
        kinds: as in `akp_test`.
        chance: as in `akp_test`.
        margin: as in `akp_test`.
        alpha: as in `akp_test`.
        blocks: as in `akp_test`.
        members: as in `akp_test`.
        drawn: as in `akp_test`.
        equivalence: as in `akp_test`.
        per: as in `akp_test`.
        permutations: as in `akp_test`.
        seed: as in `akp_test`.

    Returns:
        An outcome for each key, in the order given.

    Raises:
        ValueError: if the distances, families, generalisation or an option do not fit.
    """
    inputs.checked_options(permutations, alpha, "two-sided", margin)
    options = Options(
        Rules(float(alpha), float(margin), inputs.checked_chance(chance)),
        inputs.checked_equivalence(equivalence),
        inputs.checked_positive(per, "per"),
        bool(drawn),
        int(permutations),
        inputs.checked_seed(seed),
    )
    if generalisation is None:
        raise ValueError("generalisation is None; give a value for each member or family")
    distances, members = aligned(distances, members)
    design = plan(families, members, control, generalisation)
    of_kinds = checked_kinds(kinds, design)
    of_blocks = checked_family_blocks(blocks, design)
    matrices = inputs.checked_matrices(distances, len(design.families))
    units = {key: inputs.unit_of(matrix) for key, matrix in matrices.items()}
    squared = {key: (design.sort(matrix) / units[key]) ** 2 for key, matrix in matrices.items()}

    def studied(kept: NDArray[np.bool_]) -> Study:
        return study(design, kept, of_kinds, of_blocks, margin=margin, alpha=alpha)

    guessing = at_chance(member_values(design), chance, margin)
    above = studied(~guessing)
    everyone = studied(np.ones(len(guessing), dtype=bool)) if guessing.any() else None
    measured = {
        key: Measured(
            family_distances(_among(matrix, above.rows), above.sizes),
            everyone and family_distances(_among(matrix, everyone.rows), everyone.sizes),
            units[key],
        )
        for key, matrix in squared.items()
    }
    findings = find(above, everyone, measured, options)
    return {
        key: _outcome(
            findings[key],
            _Models(design, guessing, above, _among(squared[key], above.rows), units[key]),
            measured[key].families,
            options,
        )
        for key in matrices
    }


@dataclass(frozen=True)
class _Models:
    """Models above chance and their squared distances, for what is said beside the verdicts."""

    design: Design
    guessing: NDArray[np.bool_]
    study: Study
    squared: NDArray[np.float64]
    unit: float

    @property
    def places(self) -> NDArray[np.int64]:
        """Places of these models among all, in the order given."""
        return np.flatnonzero(~self.guessing)

    @property
    def families(self) -> tuple[str, ...]:
        """Their families, in the order of the squared distances."""
        return tuple(np.repeat(self.study.names, self.study.sizes).tolist())

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of families in the order of results."""
        return tuple(name for name in self.design.shown if name in self.study.names)


def _outcome(
    findings: Mapping[str | None, Findings],
    models: _Models,
    distances: FamilyDistances,
    options: Options,
) -> AkpOutcome:
    study, design, rules = models.study, models.design, options.rules
    overall = findings[None]
    share = imaginary_share(models.squared) if len(study.rows) else 0.0
    generalisation = dict(zip(study.names, study.generalisation.tolist(), strict=True))
    return AkpOutcome(
        across=overall.across,
        between=overall.between,
        within=overall.within,
        kinds={kind: of_kind for kind, of_kind in findings.items() if kind is not None},
        variances=_variances(distances, models.unit),
        standings={name: study.standings[name] for name in models.shown if study.standings},
        location=_location(models, options),
        explained_share=_explained(models),
        imaginary_share=share,
        cautions=_cautions(models, overall, share, options),
        members=tuple(design.members[place] for place in models.places),
        families=tuple(design.families[place] for place in models.places),
        at_chance=tuple(design.members[place] for place in np.flatnonzero(models.guessing)),
        generalisation={name: generalisation[name] for name in models.shown},
        control=design.control,
        margin=rules.margin,
        chance=rules.chance,
        alpha=rules.alpha,
        equivalence=options.equivalence,
        drawn=options.drawn,
        permutations=options.permutations,
        seed=options.seed,
    )


def _variances(distances: FamilyDistances, unit: float) -> dict[str, float | None]:
    if len(distances.within) < 2:
        return dict.fromkeys(ESTIMANDS)
    means = distances.means()
    return {
        estimand: value * unit**2 if np.isfinite(value) else None
        for estimand, value in means.items()
    }


def _explained(models: _Models) -> float | None:
    if len(models.study.names) < 2 or not models.squared.any():
        return None
    return explained_share(np.sqrt(models.squared), models.families)


def _location(models: _Models, options: Options) -> Location | None:
    study = models.study
    if study.standings is None or len(study.names) < 2:
        return None
    located = locate(
        models.squared,
        dict(zip(study.names, study.sizes.tolist(), strict=True)),
        study.values,
        [name for name, standing in study.standings.items() if standing.pool == HAPPY],
        options.permutations,
        np.random.default_rng(options.seed),
    )
    distance = {
        name: value if value is None else value * models.unit
        for name, value in located.distance.items()
    }
    return replace(located, distance={name: distance[name] for name in models.shown})


def _cautions(
    models: _Models, overall: Findings, share: float, options: Options
) -> tuple[str, ...]:
    study, sentences = models.study, []
    left_out = int(models.guessing.sum())
    if options.rules.chance is None:
        sentences.append("No chance level was given: models that guess, if any, take part.")
    elif left_out:
        sentences.append(
            f"{left_out} {'model' if left_out == 1 else 'models'} at chance "
            f"{'takes' if left_out == 1 else 'take'} no part."
        )
    if len(study.names) < ADVISED_FAMILIES:
        sentences.append(
            f"Fewer than {ADVISED_FAMILIES} families ({len(study.names)}): only large differences "
            "of spread can be seen."
        )
    alone = sorted(set(study.names) - set(overall.across.spread)) if overall.across.spread else []
    if alone:
        sentences.append(
            f"Left out, as each alone determines the trend of location at its generalisation: "
            f"{', '.join(alone)}."
        )
    single = int((study.sizes == 1).sum())
    if single:
        sentences.append(
            f"{single} of {len(study.names)} families have one member and take no part between and "
            "within families."
        )
    if study.standings and all(standing.interval is None for standing in study.standings.values()):
        sentences.append(
            "No family has the generalisation of two members, so that happy and unhappy are told "
            "by single values."
        )
    if share > MOST_IMAGINARY:
        sentences.append(
            f"The distances are not Hilbertian ({share:.1%} of their principal coordinates is "
            "imaginary): spreads are approximate."
        )
    return tuple(sentences)


def _among(squared: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    return squared[np.ix_(rows, rows)]
