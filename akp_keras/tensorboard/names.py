"""Names that TensorBoard's pages can show."""

from __future__ import annotations

import re

# File systems allow 255 bytes per part; the writers add suffixes.
LONGEST_PART = 200
_ALLOWED = re.compile(r"[A-Za-z0-9_./@-]+")
_REFUSED_CHARACTER = re.compile(r"[^A-Za-z0-9_./@-]")


def check_name(name: str, what: str) -> str:
    """Return a name if it can be the name of a run, a tensor or a part of one.

    TensorBoard's projector puts names into URLs without escaping them, so that `+`, `&`, `#`, `%`
    and others request something that does not exist; the parts of a run's name are folders.

    Args:
        name: the name.
        what: kind of the name, for the message ("family", "layer", …).

    Returns:
        The name, unchanged.

    Raises:
        ValueError: if the name is empty, holds a character outside `A-Za-z0-9_./@-`, is not a plain
            relative path, or is too long for a folder: more than 200 characters between two `/`,
            or 800 in total.
    """
    if not isinstance(name, str) or not _ALLOWED.fullmatch(name):
        raise ValueError(
            f"{what} {name!r} cannot be shown in TensorBoard: use letters, digits and _ . / @ -"
        )
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError(f"{what} {name!r} cannot be shown in TensorBoard: it is not a plain path")
    if max(map(len, name.split("/"))) > LONGEST_PART or len(name) > 4 * LONGEST_PART:
        raise ValueError(
            f"{what} {name[:40]!r}… of {len(name)} letters is too long for a folder; use at most "
            f"{LONGEST_PART}"
        )
    return name


def measure_in_a_name(measure: str) -> str:
    """Return the id of a measure in characters that a tensor's name may have.

    Args:
        measure: an id such as `knn.jaccard[k=10,cosine]`.

    Returns:
        The id with each run of other characters replaced by `_`, for example
        `knn.jaccard_k_10_cosine`.
    """
    return re.sub("_+", "_", _REFUSED_CHARACTER.sub("_", measure)).strip("_")
