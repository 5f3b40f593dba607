"""The step as a plain function."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from akp_keras.command_line import split_identifiers
from akp_keras.comparison.unfinished_folder import whole_folder
from akp_keras.data import read_probe
from akp_keras.experiment.log_directory import follow_training, write_log_directory
from akp_keras.experiment.settings import check_numbers
from akp_keras.experiment.verdicts import read_outcomes
from akp_keras.export.member_folder import SAVED_MODEL
from akp_keras.progress import progress
from components.inputs import file_in, in_order_of, read_matrices, read_members
from components.workers import open_workers


def embedding_writer(
    matrices: str | Path,
    members: Sequence[str | Path],
    outcome: str | Path,
    probe: str | Path,
    output: str | Path,
    *,
    projector_members: int,
    memory_gb: float,
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
        projector_members: as `akp_keras.main` takes it; so the next.
        memory_gb: …
        measures: ids of measures with commas between, the leading one first; empty for all.
        workers: processes; where workers are shared, those are used.

    Returns:
        The log directory.

    Raises:
        ValueError: in one line that names the flag or file and what would be right.
    """
    check_numbers({"projector_members": projector_members, "memory_gb": memory_gb})
    found = read_members(members)
    compared = read_matrices(matrices, list(found.values()), split_identifiers(measures))
    found = in_order_of(compared, found)
    outcomes = read_outcomes(file_in(outcome, "dispersion.json"))
    samples = read_probe(file_in(probe, "probe.npz"))
    saved_models = {member.name: folder / SAVED_MODEL for folder, member in found.items()}
    shown = [member.name for member in found.values() if member.seed < projector_members]
    with (
        whole_folder(output) as log,
        open_workers(workers) as executor,
        progress("tensorboard", len(found)) as done,
    ):
        trajectories, not_followed = [], {}
        if all((folder / "snapshots").is_dir() for folder in found):
            trajectories, not_followed = follow_training(
                {member.name: folder for folder, member in found.items()},
                tuple(dict.fromkeys(matrix.layer for matrix in compared)),
                compared[0].measure,
                executor=executor,
                memory_gb=memory_gb,
            )
        write_log_directory(
            log,
            members=list(found.values()),
            saved_models={name: saved_models[name] for name in shown},
            matrices=compared,
            outcomes=outcomes,
            probe=samples,
            executor=executor,
            others={name: path for name, path in saved_models.items() if name not in shown},
            trajectories=trajectories,
            not_followed=not_followed,
            done=done,
        )
    return Path(output)
