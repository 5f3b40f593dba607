"""What steps read from each other: members and matrices, in the order of the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from akp_keras.comparison import SimilarityMatrix
from akp_keras.comparison.matrix import read_matrices
from akp_keras.export import MemberRecord
from akp_keras.export.member_record import family_of
from akp_keras.export.members import read_members, sort_by_family


def read_compared(
    members: Sequence[str | Path], folder: str | Path, measures: Sequence[str] = ()
) -> tuple[dict[Path, MemberRecord], list[SimilarityMatrix]]:
    """Read matrices and the members that they compare; raise as the two functions it calls.

    Args:
        members: as `read_members` takes them.
        folder: the folder of the matrices.
        measures: ids of measures, the leading one first; by default all in the folder.

    Returns:
        Folder -> member, in the order of the rows of the matrices, and the matrices. Members that
        no matrix compares are left out: a run may have been shrunk after they were trained.
    """
    records = read_members(members)
    matrices = read_matrices(folder, list(records.values()), measures)
    compared = {name for matrix in matrices for name in (*matrix.members, *matrix.excluded)}
    records = {path: record for path, record in records.items() if record.name in compared}
    rows = [family_of(name) for matrix in matrices for name in matrix.members]
    families = rows + [record.family for record in records.values()]
    return sort_by_family(records, families), matrices


def file_in(place: str | Path, name: str) -> Path:
    """Return the named file in a folder, or the place itself if it is not a folder."""
    return Path(place) / name if Path(place).is_dir() else Path(place)
