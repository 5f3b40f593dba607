"""The step as a plain function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from akp_keras.command_line import split_identifiers
from akp_keras.comparison.unfinished_folder import whole_folder
from akp_keras.experiment.settings import check_numbers
from akp_keras.experiment.verdicts import (
    judge_layers,
    overall_verdict,
    write_outcomes,
    write_verdicts,
)
from components.inputs import in_order_of, read_matrices, read_members

OUTCOMES_FILE = "dispersion.json"
VERDICT_FILE = "verdict.json"


def dispersion_test(
    matrices: str | Path,
    members: Sequence[str | Path],
    output: str | Path,
    *,
    control: str,
    permutations: int,
    alpha: float,
    margin: float,
    seed: int,
    measures: str = "",
) -> str:
    """Tests the Anna Karenina principle at every layer and under every measure.

    Args:
        matrices: folder with `<layer>/<measure>.npz`.
        members: folders of the members, or of their families, or patterns; generalisation is
            their test accuracy.
        output: the folder to write: `dispersion.json` and `verdict.json`.
        control: name of the control family; this and the rest as `akp_keras.main` takes them.
        permutations: …
        alpha: …
        margin: …
        seed: …
        measures: ids of measures with commas between, the leading one first; empty for all.

    Returns:
        "AKP", "anti-AKP", "neither" or "undecidable", as
        `akp_keras.experiment.verdicts.overall_verdict` reads it off all layers.

    Raises:
        ValueError: in one line that names the flag or file and what would be right.
    """
    check_numbers({"permutations": permutations, "alpha": alpha, "margin": margin, "seed": seed})
    found = read_members(members)
    compared = read_matrices(matrices, list(found.values()), split_identifiers(measures))
    found = in_order_of(compared, found)
    outcomes = judge_layers(
        compared,
        {member.name: member.metrics["test_accuracy"] for member in found.values()},
        control=control,
        permutations=permutations,
        alpha=alpha,
        margin=margin,
        seed=seed,
    )
    with whole_folder(output) as folder:
        write_outcomes(folder / OUTCOMES_FILE, outcomes)
        write_verdicts(folder / VERDICT_FILE, outcomes)
    return overall_verdict(outcomes)
