"""The step as a plain function."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from akp_keras.command_line import split_identifiers
from akp_keras.comparison.evaluation import MATRICES, evaluate_similarity
from akp_keras.export.saved_model import REPRESENTATIONS_SIGNATURE
from akp_keras.progress import progress
from components.inputs import file_in
from components.workers import open_workers

PROBE_FILE = "probe.npz"


def similarity_evaluator(
    saved_models: Sequence[str | Path],
    probe: str | Path,
    output: str | Path,
    *,
    measures: str,
    families: str = "",
    signature: str = REPRESENTATIONS_SIGNATURE,
    layers: str = "",
    spatial: str = "flatten",
    null: int = 0,
    seed: int = 0,
    memory_gb: float = 4.0,
    workers: int = os.cpu_count() or 1,
) -> dict[str, Any]:
    """Compares all pairs of exported models, whoever exported them.

    Args:
        saved_models: folders of SavedModels, folders above them, patterns, and tables (.csv or
            .parquet) with the columns `uri`, `family` and `member`.
        probe: an `.npz` or `.npy` file of inputs, or a folder with `probe.npz`.
        output: the folder to write, as `akp_keras.comparison.evaluate_similarity` lays it out.
        measures: ids of measures, with commas between.
        families: the order of families in the matrices, with commas between; empty for the order
            of the models.
        signature: the signature whose outputs are the layers.
        layers: outputs to compare, with commas between; empty for all.
        spatial: what becomes of maps of a convolution.
        null: row permutations for the null of every measure; 0 for none.
        seed: of the permutations.
        memory_gb: bound on the memory of the comparison, in GiB.
        workers: processes; no result depends on how many.

    Returns:
        The summary.

    Raises:
        ValueError: in one line that names the model, file, layer or measure that does not fit.
    """
    chosen = split_identifiers(layers)
    if layers.strip() and not chosen:
        raise ValueError(f"layers={layers} names no layer; give none to compare them all")
    with open_workers(workers) as executor:
        return evaluate_similarity(
            saved_models,
            file_in(probe, PROBE_FILE),
            split_identifiers(measures),
            output,
            executor=executor,
            families=split_identifiers(families),
            layers=chosen or None,
            signature=signature,
            spatial=spatial,
            null=null,
            seed=seed,
            memory_gb=memory_gb,
            progress=progress,
        )


def move_matrices(output: str | Path, matrices: str | Path) -> None:
    """Gives the matrices a folder of their own, for orchestrators that hand them on alone.

    Args:
        output: what `similarity_evaluator` wrote; table and summary stay there.
        matrices: where `<layer>/<measure>.npz` go; an empty folder may be there.
    """
    Path(matrices).mkdir(parents=True, exist_ok=True)
    for layer in (Path(output) / MATRICES).iterdir():
        shutil.move(layer, Path(matrices) / layer.name)
    (Path(output) / MATRICES).rmdir()
