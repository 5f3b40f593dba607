"""A similarity matrix of members, as stored in `similarity/<layer>/<measure>.npz`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from akp_keras.export.member_record import MemberRecord
from akp_keras.files.below import files_below
from akp_keras.files.names import file_name
from akp_keras.files.whole import is_unfinished, whole_file
from akp_keras.hints import hint
from akp_keras.natural_order import natural_order
from akp_keras.numpy_files import UNREADABLE, open_arrays


@dataclass(frozen=True)
class SimilarityMatrix:
    """All pairs of members at one layer under one measure.

    Attributes:
        layer: name of the tapped layer.
        measure: id of the measure, for example `cka.linear`.
        members: names `<family>/<seed>` in the order of rows and columns.
        values: (M, M) float64, the measure.
        distances: (M, M) float64, the measure's declared distance form, zero on the diagonal;
            all NaN if it declares none.
        samples: n, the number of probe samples.
        features: (M,) int64, the number of features per member after the spatial policy.
        ranks: (M,) int64, the numerical rank per centred representation.
        excluded: members without a comparable representation at this layer (a dead or diverged
            network), with the reason.
    """

    layer: str
    measure: str
    members: tuple[str, ...]
    values: np.ndarray
    distances: np.ndarray
    samples: int
    features: np.ndarray
    ranks: np.ndarray
    excluded: Mapping[str, str] = field(default_factory=dict)


def matrix_path(folder: str | Path, layer: str, measure: str) -> Path:
    """Return the file of a matrix below `similarity/`; `file_name` encodes unusual layer names."""
    return Path(folder) / file_name(layer) / f"{measure}.npz"


def write_matrix(path: str | Path, matrix: SimilarityMatrix) -> None:
    """Write a matrix whole, by rename; the same data produce the same bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        np.savez(
            file,
            layer=matrix.layer,
            measure=matrix.measure,
            members=np.array(matrix.members, dtype=np.str_),
            values=matrix.values,
            distances=matrix.distances,
            samples=np.int64(matrix.samples),
            features=np.asarray(matrix.features, dtype=np.int64),
            ranks=np.asarray(matrix.ranks, dtype=np.int64),
            excluded=np.array(list(matrix.excluded), dtype=np.str_),
            excluded_because=np.array(list(matrix.excluded.values()), dtype=np.str_),
        )


def read_matrix(path: str | Path) -> SimilarityMatrix:
    """Read what `write_matrix` wrote.

    Raises:
        ValueError: if the file is missing or damaged, in one line that names it.
    """
    try:
        with open_arrays(path) as file:
            return SimilarityMatrix(
                layer=str(file["layer"]),
                measure=str(file["measure"]),
                members=tuple(str(name) for name in file["members"]),
                values=file["values"],
                distances=file["distances"],
                samples=int(file["samples"]),
                features=file["features"],
                ranks=file["ranks"],
                excluded={
                    str(name): str(reason)
                    for name, reason in zip(file["excluded"], file["excluded_because"], strict=True)
                },
            )
    except UNREADABLE as error:
        raise ValueError(
            f"{path} is missing, damaged or not a similarity matrix ({error}); remove it, if it "
            "should be one, and make it again"
        ) from error


def read_matrices(
    folder: str | Path, members: Sequence[MemberRecord], measures: Sequence[str] = ()
) -> list[SimilarityMatrix]:
    """Read the matrices of an experiment.

    Args:
        folder: the folder of `<layer>/<measure>.npz`.
        members: records of the members; the first one sets the order of layers.
        measures: ids of measures, in the order of the result; by default all in the folder.

    Returns:
        The matrices, layer by layer and measure by measure.

    Raises:
        ValueError: in one line, if a matrix is missing or damaged, or compares a member without a
            record.
    """
    files = files_below(folder) if Path(folder).is_dir() else ()
    paths = sorted(path for path in files if path.suffix == ".npz" and not is_unfinished(path.name))
    if not paths:
        raise ValueError(f"--matrices={folder} holds no matrix (<layer>/<measure>.npz)")
    matrices = {(matrix.layer, matrix.measure): matrix for matrix in map(read_matrix, paths)}
    known = [layer for member in members[:1] for layer in member.layers]
    layers = sorted(
        {layer for layer, _ in matrices},
        key=lambda layer: (
            known.index(layer) if layer in known else len(known),
            natural_order(layer),
        ),
    )
    known_measures = sorted({measure for _, measure in matrices}, key=natural_order)
    for measure in measures or known_measures:
        for layer in layers:
            if (layer, measure) not in matrices:
                present = [name for name in known_measures if (layer, name) in matrices]
                raise ValueError(
                    f"--matrices={folder} holds no {measure!r} of layer {layer!r}; "
                    f"{hint(measure, present)}"
                )
    names = {member.name for member in members}
    for matrix in matrices.values():
        for name in matrix.members:
            if name not in names:
                raise ValueError(
                    f"--members lacks {name}, which the matrix of {matrix.layer!r} in "
                    f"--matrices={folder} compares"
                )
    return [matrices[layer, measure] for layer in layers for measure in measures or known_measures]
