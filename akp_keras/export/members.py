"""Members read from the folders of a run, of families, or of their own."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path

from akp_keras.export.member_folder import SAVED_MODEL, read_member
from akp_keras.export.member_record import MemberRecord
from akp_keras.files.whole import is_unfinished
from akp_keras.natural_order import natural_order


def read_members(places: Sequence[str | Path]) -> dict[Path, MemberRecord]:
    """Read members, without their weights.

    Args:
        places: folders of members, or of families (one folder per member in it), or of runs
            (one folder per family); or patterns of such folders (`RUN/members/*/*`).

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
    return sort_by_family(records, [record.family for record in records.values()])


def sort_by_family(
    members: Mapping[Path, MemberRecord], families: Sequence[str]
) -> dict[Path, MemberRecord]:
    """Sort members by the first mention of their families, and within them by seed."""
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
