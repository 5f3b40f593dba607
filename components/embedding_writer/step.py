"""The step as a plain function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from akp_keras.command_line import split_identifiers
from akp_keras.data import read_probe
from akp_keras.experiment.log_directory import write_log_directory
from akp_keras.experiment.settings import check_numbers
from akp_keras.experiment.verdicts import read_outcomes
from akp_keras.export.member_folder import SAVED_MODEL
from akp_keras.progress import progress
from components.inputs import file_in, in_order_of, read_matrices, read_members
from components.output_folder import whole_folder
from components.workers import open_workers


def embedding_writer(
    matrices: str | Path,
    members: Sequence[str | Path],
    outcome: str | Path,
    probe: str | Path,
    output: str | Path,
    *,
    projector_members: int,
    measures: str = "",
    workers: int = 1,
) -> Path:
    """Writes the log directory that shows an experiment in TensorBoard.

    Args:
        matrices: folder with `<layer>/<measure>.npz`.
        members: folders of the members, or of their families, or patterns.
        outcome: `dispersion.json`, or the folder that holds it.
        probe: `probe.npz`, or the folder that holds it.
        output: the log directory to write.
        projector_members: as `akp_keras.main` takes it.
        measures: ids of measures with commas between, the leading one first; empty for all.
        workers: processes; where workers are shared, those are used.

    Returns:
        The log directory.

    Raises:
        ValueError: in one line that names the flag or file and what would be right.
    """
    check_numbers({"projector_members": projector_members})
    found = read_members(members)
    compared = read_matrices(matrices, list(found.values()), split_identifiers(measures))
    found = in_order_of(compared, found)
    outcomes = read_outcomes(file_in(outcome, "dispersion.json"))
    samples = read_probe(file_in(probe, "probe.npz"))
    shown = {
        member.name: folder / SAVED_MODEL
        for folder, member in found.items()
        if member.seed < projector_members
    }
    with (
        whole_folder(output) as folder,
        open_workers(workers) as executor,
        progress("tensorboard", len(shown)) as done,
    ):
        write_log_directory(
            folder,
            members=list(found.values()),
            saved_models=shown,
            matrices=compared,
            outcomes=outcomes,
            probe=samples,
            executor=executor,
            done=done,
        )
    return Path(output)
