"""What steps read of each other: members and matrices, in the order of the experiment."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from akp_keras.comparison import SimilarityMatrix, read_matrix
from akp_keras.export import MemberRecord, read_member
from akp_keras.export.member_folder import SAVED_MODEL
from akp_keras.export.member_record import family_of
from akp_keras.files.below import files_below
from akp_keras.files.whole import is_unfinished
from akp_keras.hints import hint
from akp_keras.natural_order import natural_order


def read_compared(
    members: Sequence[str | Path], matrices: str | Path, measures: Sequence[str] = ()
) -> tuple[dict[Path, MemberRecord], list[SimilarityMatrix]]:
    """Reads matrices and the members that they compare.

    Args:
        members: as `read_members` takes them.
        matrices: folder with `<layer>/<measure>.npz`.
        measures: ids of measures, the leading one first; by default all that the folder holds.

    Returns:
        Folder -> member, in the order of the rows of the matrices, and the matrices.

    Raises:
        ValueError: as `read_members` and `read_matrices`.
    """
    records = read_members(members)
    compared = read_matrices(matrices, list(records.values()), measures)
    return _in_order_of(compared, records), compared


def read_members(places: Sequence[str | Path]) -> dict[Path, MemberRecord]:
    """Reads members, without their weights.

    Args:
        places: folders of members, or of families (one folder a member in it), or of runs
            (one folder a family); or patterns of such folders (`RUN/members/*/*`).

    Returns:
        Folder -> member; families in the order in which they are named, within them by seed.

    Raises:
        ValueError: in one line, if there is no member in a place, one is damaged, or two have
            one name.
    """
    members: dict[str, tuple[Path, MemberRecord]] = {}
    for place in places:
        for folder in _member_folders(str(place)):
            record = read_member(folder)
            first, _ = members.setdefault(record.name, (folder, record))
            if first != folder:
                raise ValueError(f"--members: {first} and {folder} both hold {record.name}")
    records = dict(members.values())
    return _by_family(records, [record.family for record in records.values()])


def read_matrices(
    folder: str | Path, members: Sequence[MemberRecord], measures: Sequence[str] = ()
) -> list[SimilarityMatrix]:
    """Reads the matrices of an experiment.

    Args:
        folder: where `<layer>/<measure>.npz` lie.
        members: their layers tell the order of layers.
        measures: ids of measures, in the order wanted; by default all that are there.

    Returns:
        The matrices, layer by layer and measure by measure.

    Raises:
        ValueError: in one line, if one is missing or damaged, or holds a member of no record.
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
                raise ValueError(
                    f"--matrices={folder} holds no {measure!r} of layer {layer!r}; "
                    f"{hint(measure, known_measures)}"
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


def file_in(place: str | Path, name: str) -> Path:
    """Returns the file of a name in a folder; what is not a folder is the file itself."""
    return Path(place) / name if Path(place).is_dir() else Path(place)


def _in_order_of(
    matrices: Sequence[SimilarityMatrix], members: dict[Path, MemberRecord]
) -> dict[Path, MemberRecord]:
    """Sorts members as the rows of the matrices: their families first, in that order."""
    rows = [family_of(name) for matrix in matrices for name in matrix.members]
    return _by_family(members, rows + [member.family for member in members.values()])


def _by_family(
    members: dict[Path, MemberRecord], families: Sequence[str]
) -> dict[Path, MemberRecord]:
    rank = {family: number for number, family in enumerate(dict.fromkeys(families))}
    return dict(
        sorted(members.items(), key=lambda member: (rank[member[1].family], member[1].seed))
    )


def _member_folders(place: str) -> list[Path]:
    matching = [place] if Path(place).is_dir() else glob.glob(place)  # noqa: PTH207 - absolute too
    for depth in ("", "*/", "*/*/", "*/*/*/"):
        folders = [
            saved_model.parent
            for folder in matching
            # Unlike that of a Path, this pattern takes links for what they lead to.
            for saved_model in map(Path, glob.glob(f"{glob.escape(folder)}/{depth}{SAVED_MODEL}"))  # noqa: PTH207
            if not is_unfinished(saved_model.relative_to(folder))
        ]
        if folders:
            return sorted(folders, key=lambda folder: natural_order(str(folder)))
    raise ValueError(f"--members={place}: there is no member's folder (with {SAVED_MODEL}/ in it)")
