"""What results follow from beside flags and data: this code and the libraries under it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

_SOURCES = ("akp_keras",)
# All that pyproject.toml requires (a test compares them), and a build of TensorFlow that may take
# the place of the required one. What is installed in place may have other metadata than that.
_LIBRARIES = (
    "absl-py",
    "google-crc32c",
    "importlib_resources",
    "jinja2",
    "keras",
    "matplotlib",
    "numpy",
    "pandas",
    "pillow",
    "protobuf",
    "pyarrow",
    "scikit-bio",
    "scikit-learn",
    "scipy",
    "tensorboard",
    "tensorflow",
    "tensorflow-cpu",
    "tensorflow-datasets",
    "threadpoolctl",
    "tqdm",
)
# What Keras takes where its own file, keras.json, says nothing.
_KERAS = {
    "backend": "tensorflow",
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}


def code_version(folders: Mapping[str, Path] | None = None) -> str:
    """Tells one state of the code from another.

    Args:
        folders: package name -> folder of its sources; by default akp_keras and the components.

    Returns:
        The first 16 hexadecimal digits of a SHA-256 over every source file of akp_keras,
        the versions of Python and of all libraries that akp_keras requires, and
        what Keras computes with: its backend, precision and epsilon.
    """
    digest = hashlib.sha256()
    for package, folder in (_sources() if folders is None else folders).items():
        files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
        for path in sorted(file for file in files if "__pycache__" not in file.parts):
            name = path.relative_to(folder).as_posix()
            digest.update(f"{package}/{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    for library, version in _versions().items():
        digest.update(f"{library}=={version}\0".encode())
    digest.update(json.dumps(_keras_settings(), sort_keys=True).encode())
    digest.update(platform.python_version().encode())
    return digest.hexdigest()[:16]


def _versions() -> dict[str, str]:
    """Library -> version, of those that are installed."""
    found = {}
    for library in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[library] = metadata.version(library)
    return found


def _keras_settings() -> dict[str, object]:
    """What Keras will compute with, without importing it here."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    settings = dict(_KERAS)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        found = json.loads((home / "keras.json").read_text())
        settings |= {name: found[name] for name in _KERAS if name in found}
    if backend := os.environ.get("KERAS_BACKEND"):
        settings["backend"] = backend
    return settings


def _sources() -> dict[str, Path]:
    return {
        package: Path(next(iter(find_spec(package).submodule_search_locations)))
        for package in _SOURCES
    }
