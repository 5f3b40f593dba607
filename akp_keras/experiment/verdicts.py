"""The test of all layers and measures of a run, and its two files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from akp_keras import dispersion
from akp_keras.comparison import SimilarityMatrix
from akp_keras.dispersion import Outcome
from akp_keras.experiment.run_directory import read_json, write_json

Outcomes = Mapping[tuple[str, str], Outcome]


def test_all_layers(
    matrices: Sequence[SimilarityMatrix],
    generalisation: Mapping[str, float],
    *,
    control: str,
    permutations: int,
    alpha: float,
    seed: int,
) -> dict[tuple[str, str], Outcome]:
    """Tests the principle at every layer and under every measure, by the same permutations.

    A member that has no comparable representation somewhere is left out everywhere: the layers
    share their permutations, so they must share their members.

    Args:
        matrices: one a layer and measure.
        generalisation: member name -> its test metric; higher generalises better.
        control: name of the control family.
        permutations: how many.
        alpha: family-wise error rate.
        seed: seed of the permutations.

    Returns:
        (layer, measure) -> outcome.
    """
    excluded = {name for matrix in matrices for name in matrix.excluded}
    members = [name for name in generalisation if name not in excluded]
    return dispersion.permutation_tests(
        {(matrix.layer, matrix.measure): _among(matrix, members) for matrix in matrices},
        [name.rpartition("/")[0] for name in members],
        [generalisation[name] for name in members],
        members=members,
        control=control,
        permutations=permutations,
        alpha=alpha,
        seed=seed,
    )


def write_outcomes(path: Path, outcomes: Outcomes) -> None:
    """Writes `dispersion.json`: everything that the test found."""
    write_json(
        path,
        [
            {"layer": layer, "measure": measure, **outcome.to_dict()}
            for (layer, measure), outcome in outcomes.items()
        ],
    )


def read_outcomes(path: Path) -> dict[tuple[str, str], Outcome]:
    """Reads what `write_outcomes` wrote.

    Raises:
        ValueError: if the file is missing or damaged, in one line that names it.
    """
    try:
        return {
            (entry.pop("layer"), entry.pop("measure")): Outcome.from_dict(entry)
            for entry in read_json(path)
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error}); remove it and run again") from error


def write_verdicts(path: Path, outcomes: Outcomes, matrices: Sequence[SimilarityMatrix]) -> None:
    """Writes `verdict.json`: the verdict and its reason for every layer and measure."""
    write_json(
        path,
        {
            "verdicts": [
                {
                    "layer": layer,
                    "measure": measure,
                    "verdict": outcome.verdict,
                    "reason": outcome.reason,
                    "adjusted_pvalue": outcome.adjusted_pvalue,
                }
                for (layer, measure), outcome in outcomes.items()
            ],
            "excluded_members": {
                name: f"{matrix.layer}: {reason}"
                for matrix in matrices
                for name, reason in matrix.excluded.items()
            },
        },
    )


def _among(matrix: SimilarityMatrix, members: Sequence[str]) -> np.ndarray:
    rows = [matrix.members.index(name) for name in members]
    return matrix.distances[np.ix_(rows, rows)]
