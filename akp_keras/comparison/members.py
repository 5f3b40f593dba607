"""Members compared layer by layer, from their SavedModels alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from akp_keras import similarity
from akp_keras.comparison.matrix import SimilarityMatrix, matrix_path, write_matrix
from akp_keras.comparison.representations import representation_path, take_representations
from akp_keras.export.saved_model import REPRESENTATIONS_SIGNATURE


def compare_members(
    saved_models: Mapping[str, Path],
    inputs: np.ndarray,
    measures: Sequence[str],
    folder: str | Path,
    *,
    executor: Executor,
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    spatial: str = "flatten",
    memory_gb: float = 4.0,
    represented: Callable[[str], None] = lambda name: None,
    compared: Callable[[str], None] = lambda layer: None,
) -> tuple[str, ...]:
    """Writes the similarity matrix of all members for every layer and measure.

    Args:
        saved_models: member name -> folder of its SavedModel, in the order of the matrices.
        inputs: (n, …) float32 samples of the probe set.
        measures: ids of measures, as `akp_keras.similarity.list_measures` gives them.
        folder: where `<layer>/<measure>.npz` are written, each whole, by rename.
        executor: where SavedModels are loaded and asked, one task each, and blocks of pairs are
            compared.
        layers: names of the outputs to compare; by default all that the first model has.
        signature: the signature that answers with them.
        spatial: what becomes of (n, h, w, c) representations, as `similarity.pairwise` takes it.
        memory_gb: bound on the memory of the comparison.
        represented: called with a member's name when its representations are taken.
        compared: called with a layer's name when its matrices are written.

    Returns:
        The layers, from input to output.

    Raises:
        ValueError: in one line that names the SavedModel, layer or measure that does not fit.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".representations.", dir=folder) as scratch:
        layers = take_representations(
            saved_models,
            inputs,
            scratch,
            executor=executor,
            layers=layers,
            signature=signature,
            done=represented,
        )
        for layer in layers:
            paths = {name: representation_path(scratch, name, layer) for name in saved_models}
            for found in compare_layer(
                layer, paths, measures, spatial=spatial, memory_gb=memory_gb, executor=executor
            ):
                write_matrix(matrix_path(folder, layer, found.matrix.measure), found.matrix)
            compared(layer)
    return layers


class TooFewComparable(ValueError):
    """A layer at which fewer than two members have representations."""


@dataclass(frozen=True)
class Compared:
    """All pairs at one layer under one measure, with the null where it was asked for."""

    matrix: SimilarityMatrix
    null: similarity.PermutationNull | None


def compare_layer(
    layer: str,
    paths: Mapping[str, Path],
    measures: Sequence[str],
    *,
    executor: Executor,
    spatial: str = "flatten",
    memory_gb: float = 4.0,
    null: int = 0,
    seed: int = 0,
    labels: np.ndarray | None = None,
) -> list[Compared]:
    """Compares all pairs of members at one layer.

    Args:
        layer: its name.
        paths: member name -> `.npy` file of its (n, …) representation.
        measures: ids of measures.
        executor: where blocks of pairs are compared.
        spatial: what becomes of (n, h, w, c) representations, as `similarity.pairwise` takes it.
        memory_gb: bound on the memory of the comparison.
        null: row permutations for the null of every measure; 0 for none.
        seed: of the permutations.
        labels: (n,) the samples' classes, for measures of errors.

    Returns:
        One for each measure, in their order.

    Raises:
        ValueError: in one line that names the layer, if fewer than two members are comparable or
            a measure is not defined for them.
    """
    excluded = {
        name: reason for name, path in paths.items() if (reason := _why_not_comparable(path))
    }
    comparable = [name for name in paths if name not in excluded]
    if len(comparable) < 2:
        raise TooFewComparable(
            f"layer {layer!r} has {len(comparable)} comparable members and two are needed "
            f"({'; '.join(f'{name}: {reason}' for name, reason in list(excluded.items())[:3])})"
        )
    try:
        # The number of threads is part of a result's last digits.
        with threadpool_limits(1, "blas"):
            results = similarity.pairwise(
                {name: _loader(paths[name]) for name in comparable},
                list(measures),
                memory_gb=memory_gb,
                spatial=spatial,
                executor=executor,
                null=null,
                seed=seed,
                labels=labels,
            )
    except ValueError as error:
        raise ValueError(f"layer {layer!r}: {error}") from error
    return [
        Compared(
            SimilarityMatrix(
                layer=layer,
                measure=measure,
                members=tuple(results[measure].names),
                values=results[measure].values,
                distances=_distances(results[measure]),
                samples=results[measure].samples,
                features=results[measure].features,
                ranks=results[measure].ranks,
                excluded=excluded,
            ),
            results[measure].null,
        )
        for measure in measures
    ]


def _distances(result: similarity.SimilarityResult) -> np.ndarray:
    if not result.declaration.distances:
        return np.full_like(result.values, np.nan)
    return result.distance()


def _loader(path: Path) -> Callable[[], np.ndarray]:
    return lambda: np.load(path, mmap_mode="r")


def _why_not_comparable(path: Path) -> str | None:
    """Names the two ways in which a network has no representations."""
    values = np.load(path, mmap_mode="r")
    if not np.isfinite(values).all():
        return "not finite: NaN or infinity among its answers"
    if (values == values[:1]).all():
        return "constant over the probe set: it tells no samples apart"
    return None
