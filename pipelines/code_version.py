"""What results follow from beside flags and data: this code and the libraries under it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

_SOURCES = ("akp_keras", "components")
_LIBRARIES = (
    "keras",
    "numpy",
    "scikit-bio",
    "scikit-learn",
    "scipy",
    "tensorflow",
    "tensorflow-datasets",
)


def code_version(folders: Mapping[str, Path] | None = None) -> str:
    """Tells one state of the code from another.

    Args:
        folders: package name -> folder of its sources; by default akp_keras and the components.

    Returns:
        The first 16 hexadecimal digits of a SHA-256 over every source file of akp_keras and of
        the components, and the versions of Python and of the libraries that compute.
    """
    digest = hashlib.sha256()
    for package, folder in (_sources() if folders is None else folders).items():
        files = (path for path in folder.rglob("*") if path.is_file())
        for path in sorted(file for file in files if "__pycache__" not in file.parts):
            name = path.relative_to(folder).as_posix()
            digest.update(f"{package}/{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library}=={metadata.version(library)}\0".encode())
    digest.update(platform.python_version().encode())
    return digest.hexdigest()[:16]


def _sources() -> dict[str, Path]:
    return {
        package: Path(next(iter(find_spec(package).submodule_search_locations)))
        for package in _SOURCES
    }
