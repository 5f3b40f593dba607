"""File names for arbitrary names: safe, distinct, and readable if possible."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

# Bytes that a file system allows in a name, minus those of `.npz.<process>.unfinished`.
_LONGEST = 200


def file_name(name: str) -> str:
    """Return the file name of a layer or member; different names have different file names.

    Letters, digits, `_`, `-`, `~` and `.` are kept; everything else is percent-encoded (RFC 3986),
    and so is a leading dot. A digest replaces the end of a name that is too long for a file.

    Raises:
        ValueError: if the name is empty.
    """
    if not name:
        raise ValueError(
            "the name of a layer or member is empty; it must have at least one character"
        )
    encoded = quote(name, safe="")
    if encoded.startswith("."):
        encoded = f"%2E{encoded[1:]}"
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        # Other names have no percent sign without two hexadecimal digits after it.
        encoded = f"{encoded[: _LONGEST - 40]}%-{digest}"
    return encoded
