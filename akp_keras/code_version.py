"""What results depend on apart from flags and data: this code and the libraries under it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
from importlib import metadata
from pathlib import Path

import akp_keras

# Keras' defaults for what its own file, keras.json, does not set.
_KERAS = {
    "backend": "tensorflow",
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
}


def code_version(package: Path = Path(__file__).parent) -> str:
    """Return a digest of the code in a folder and of what it runs on.

    It is the first 16 hexadecimal digits of a SHA-256 over every source file, the versions of
    Python and of all libraries that akp_keras requires, and the backend, precision and epsilon of
    Keras.
    """
    digest = hashlib.sha256()
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".md")
    for path in sorted(file for file in files if "__pycache__" not in file.parts):
        name = path.relative_to(package).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    state = [_versions(), _keras_settings(), platform.python_version()]
    digest.update(json.dumps(state, sort_keys=True).encode())
    return digest.hexdigest()[:16]


def training_versions() -> dict[str, str]:
    """Return the versions on which trained weights depend: of akp_keras, Keras and TensorFlow."""
    versions = _versions()
    # A build of TensorFlow may be installed in place of the required one.
    versions["tensorflow"] = versions.get("tensorflow") or versions["tensorflow-cpu"]
    trained_with = {library: versions[library] for library in ("keras", "tensorflow")}
    return {"akp_keras": akp_keras.__version__, **trained_with}


def _versions() -> dict[str, str]:
    """Return library -> version for the installed libraries that akp_keras requires."""
    # A build of TensorFlow that may replace the required one.
    libraries = {"tensorflow-cpu"}
    for requirement in metadata.requires("akp-keras") or ():
        if "extra ==" not in requirement:
            libraries.add(re.match(r"[\w.-]+", requirement)[0])
    versions = {}
    for library in libraries:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return versions


def _keras_settings() -> dict[str, object]:
    """Return the settings with which Keras will compute, without importing it."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    settings = dict(_KERAS)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stored = json.loads((home / "keras.json").read_text())
        settings |= {name: stored[name] for name in _KERAS if name in stored}
    if backend := os.environ.get("KERAS_BACKEND"):
        settings["backend"] = backend
    return settings
