"""The test of dispersions within families, at all layers and measures of a run, and its file."""

from __future__ import annotations

import dataclasses
import importlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from akp_keras import dispersion
from akp_keras.comparison import SimilarityMatrix
from akp_keras.dispersion import Outcome
from akp_keras.dispersion.verdict import FEWEST_MEMBERS
from akp_keras.export.member_record import family_of
from akp_keras.files.whole import read_json, write_json
from akp_keras.settings.field import Group, setting
from akp_keras.settings.groups import Control, Seed, Test, check_control

OUTCOMES_FILE = "dispersion.json"
# scikit-bio takes a millisecond or two for each; no verdict depends on them.
_CROSSCHECK_PERMUTATIONS = 199
# Of many members each takes a tenth of a second, and fewer are enough.
_MANY_MEMBERS, _PERMUTATIONS_OF_MANY = 1000, 99


@dataclass(frozen=True, kw_only=True)
class Schedules(Group, stage="dispersion and verdict"):
    """Where schedules come from."""

    schedules: str = setting(
        "picked",
        "Whether schedules were picked by hand, or drawn at random from a distribution of stress; "
        "the verdict speaks of these schedules, or of the distribution.",
        choices=("picked", "drawn"),
    )


@dataclass(frozen=True, kw_only=True)
class JudgingSettings(Control, Test, Seed, Schedules):
    """What the test depends on, apart from matrices and members."""


Outcomes = Mapping[tuple[str, str], Outcome]


def judge_layers(
    matrices: Sequence[SimilarityMatrix],
    generalisation: Mapping[str, float],
    settings: JudgingSettings,
) -> dict[tuple[str, str], Outcome]:
    """Test the principle at every layer and under every measure, by the same permutations.

    A member without a comparable representation at one layer is left out at all layers: layers
    share their permutations, so they must share their members. Its generalisation still counts,
    or a family would look better because stress killed some of its members. The cautions of every
    outcome name the members that were left out.

    Where some families have the five members that the test needs, the control among them, those
    with fewer are left out.

    Args:
        matrices: one per layer and measure.
        generalisation: member name -> its test metric; higher generalises better.
        settings: the control, the test and the seed of its permutations.

    Returns:
        (layer, measure) -> outcome.

    Raises:
        ValueError: if the control is not a family, or only one family has comparable members, or
            the control has none.
    """
    distances, members = comparable_distances(matrices, list(generalisation), settings.control)
    large = _of_large_families(members, settings.control)
    distances = {key: matrix[np.ix_(large, large)] for key, matrix in distances.items()}
    left_out = len(set(map(family_of, members)))
    members = [members[row] for row in large]
    families = [family_of(name) for name in members]
    left_out -= len(set(families))
    known = list(dict.fromkeys(map(family_of, generalisation)))
    of_families = {
        family: [generalisation[name] for name in generalisation if family_of(name) == family]
        for family in known
    }
    # The last digits of results depend on the number of threads, which can be limited only for
    # libraries that are already loaded: the cross-checks load scikit-bio on their first use.
    importlib.import_module("skbio.stats.distance")
    with threadpool_limits(1):
        outcomes = dispersion.permutation_tests(
            distances,
            families,
            {family: float(np.mean(of_families[family])) for family in dict.fromkeys(families)},
            members=members,
            control=settings.control,
            permutations=settings.permutations,
            alpha=settings.alpha,
            margin=settings.margin,
            seed=settings.seed,
            crosscheck_permutations=_CROSSCHECK_PERMUTATIONS
            if len(members) <= _MANY_MEMBERS
            else _PERMUTATIONS_OF_MANY,
        )
    further = []
    if left_out:
        further.append(
            f"{left_out} {'family' if left_out == 1 else 'families'} of fewer than "
            f"{FEWEST_MEMBERS} members {'takes' if left_out == 1 else 'take'} no part in the "
            "dispersions within families."
        )
    if excluded := _excluded(matrices):
        further.append(
            f"Left out of the dispersions, as they have no comparable representation: "
            f"{', '.join(f'{name} ({reason})' for name, reason in excluded.items())}."
        )
    return {
        key: dataclasses.replace(outcome, cautions=(*outcome.cautions, *further))
        for key, outcome in outcomes.items()
    }


def write_outcomes(path: Path, outcomes: Outcomes) -> None:
    """Write `dispersion.json`: the outcomes of the test in full."""
    write_json(
        path,
        [
            {"layer": layer, "measure": measure, **outcome.to_dict()}
            for (layer, measure), outcome in outcomes.items()
        ],
    )


def read_outcomes(path: Path) -> dict[tuple[str, str], Outcome]:
    """Read what `write_outcomes` wrote.

    Raises:
        ValueError: if the file is missing or damaged, in one line that names it.
    """
    try:
        return {
            (entry.pop("layer"), entry.pop("measure")): Outcome.from_dict(entry)
            for entry in read_json(path)
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged, or is not the dispersion.json of a test ({error}); remove it, if "
            "it should be one, and make it again"
        ) from error


def comparable_distances(
    matrices: Sequence[SimilarityMatrix], names: Sequence[str], control: str
) -> tuple[dict[tuple[str, str], np.ndarray], list[str]]:
    """Return the distances among the members that are comparable everywhere.

    Args:
        matrices: one per layer and measure.
        names: names of all members.
        control: name of the control family.

    Returns:
        (layer, measure) -> (M, M) distances, and the M names of their rows.

    Raises:
        ValueError: in one line, if the control is not a family, or has no comparable member.
    """
    check_control(control, list(dict.fromkeys(map(family_of, names))))
    excluded = _excluded(matrices)
    kept = [name for name in names if name not in excluded]
    if control not in map(family_of, kept):
        reasons = [reason for name, reason in excluded.items() if family_of(name) == control]
        raise ValueError(
            f"--control={control} has no comparable member ({reasons[0]}), so no family can be "
            "compared with it; choose another control or a smaller --learning_rate"
        )
    distances = {}
    for matrix in matrices:
        rows = [matrix.members.index(name) for name in kept]
        distances[matrix.layer, matrix.measure] = matrix.distances[np.ix_(rows, rows)]
    return distances, kept


def _of_large_families(members: Sequence[str], control: str) -> list[int]:
    """Return the places of the members whose families are large enough for the test, or all."""
    sizes = Counter(map(family_of, members))
    large = {family for family, size in sizes.items() if size >= FEWEST_MEMBERS}
    if control not in large or len(large) < 2:
        return list(range(len(members)))
    return [place for place, name in enumerate(members) if family_of(name) in large]


def _excluded(matrices: Sequence[SimilarityMatrix]) -> dict[str, str]:
    """Return member -> why it is comparable nowhere, with the first such layer."""
    return {
        name: f"{matrix.layer} is {reason}"
        for matrix in reversed(matrices)
        for name, reason in matrix.excluded.items()
    }
