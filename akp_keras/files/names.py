"""File names for names from elsewhere: safe, distinct, and readable where they can be."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

# Bytes that a file system allows in a name, less what `.npz.<process>.unfinished` needs.
_LONGEST = 200


def file_name(name: str) -> str:
    """A file name for a layer or a member, the same for the same name and for no other.

    Letters, digits, `_`, `-`, `~` and `.` stand for themselves, all else is percent-encoded
    (RFC 3986), a leading dot too. Of a name too long for a file, the end is a digest.

    Raises:
        ValueError: if the name is empty.
    """
    if not name:
        raise ValueError("a layer or member has an empty name, which no file can have")
    encoded = quote(name, safe="")
    if encoded.startswith("."):
        encoded = f"%2E{encoded[1:]}"
    if len(encoded) > _LONGEST:
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        # A percent sign that no two hexadecimal digits follow is in no other name.
        encoded = f"{encoded[: _LONGEST - 40]}%-{digest}"
    return encoded
