"""The inputs of a probe set, from an experiment or any NumPy file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akp_keras.numpy_files import UNREADABLE, open_arrays

# What a probe set may hold in addition to the inputs.
_IDS, _LABELS, _CLASSES = "ids", "labels", "class_names"


@dataclass(frozen=True)
class ProbeInputs:
    """The inputs that all models are called with.

    Attributes:
        arrays: name -> (n, …) samples; a single array of any name for models of one input,
            otherwise one array per input, by name.
        ids: (n,) identifiers of the samples, or None.
        labels: (n,) classes for measures of errors, or None.
    """

    arrays: Mapping[str, np.ndarray]
    ids: np.ndarray | None = None
    labels: np.ndarray | None = None

    @property
    def samples(self) -> int:
        """The number of samples, n."""
        return len(next(iter(self.arrays.values())))

    def digest(self) -> str:
        """Return a SHA-256 of names, dtypes, shapes and values."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            array = self.arrays[name]
            digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
            for start in range(0, len(array), 1024):
                digest.update(np.ascontiguousarray(array[start : start + 1024]).tobytes())
        return digest.hexdigest()


def read_probe_inputs(path: str | Path) -> ProbeInputs:
    """Read a probe set; pickled objects are never read.

    Args:
        path: an `.npz` file, as `akp_keras.data.write_probe` writes it or with any single array of
            inputs (or one per input of the models, by name) and optional `ids` and `labels`; or
            an `.npy` file of inputs.

    Raises:
        ValueError: in one line that names the file, if it is missing or damaged, holds no
            inputs, one sample, NaN or infinity, or arrays that do not have one row per sample.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no probe set at {path}")
    if path.suffix not in (".npz", ".npy"):
        raise ValueError(f"probe set {path} must be an .npz or .npy file of NumPy")
    try:
        if path.suffix == ".npy":
            arrays = {"inputs": np.load(path, mmap_mode="r", allow_pickle=False)}
        else:
            with open_arrays(path) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"probe set {path} is damaged, or not a NumPy file ({reason})") from error
    ids, labels, _ = (arrays.pop(name, None) for name in (_IDS, _LABELS, _CLASSES))
    return check_probe_inputs(ProbeInputs(arrays, ids, labels), f"probe set {path}")


def check_probe_inputs(probe: ProbeInputs, what: str) -> ProbeInputs:
    """Return the probe set if models can be called with it.

    Args:
        probe: the probe set.
        what: name of the probe set in messages.

    Raises:
        ValueError: in one line, if they cannot.
    """
    if not probe.arrays:
        raise ValueError(f"{what} holds no array of inputs")
    rows = {}
    for name, array in {**probe.arrays, _IDS: probe.ids, _LABELS: probe.labels}.items():
        if array is None:
            continue
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"{what}: {name!r} has no samples; its shape is {array.shape}")
        rows[name] = len(array)
    if len(set(rows.values())) > 1:
        raise ValueError(
            f"{what} has different numbers of samples: "
            + ", ".join(f"{count} in {name!r}" for name, count in rows.items())
        )
    if probe.samples < 2:
        raise ValueError(
            f"{what} has one sample; representations are compared over at least two samples"
        )
    for name, array in probe.arrays.items():
        if array.dtype.kind not in "fiubSU":
            raise ValueError(
                f"{what}: {name!r} is {array.dtype}; use real numbers, or text for models that "
                "take text"
            )
        _refuse_not_finite(array, f"{what}: {name!r}")
    if probe.ids is not None and len(np.unique(probe.ids)) < len(probe.ids):
        raise ValueError(f"{what} has the same id for several samples")
    return probe


def _refuse_not_finite(array: np.ndarray, what: str) -> None:
    if array.dtype.kind != "f":
        return
    for start in range(0, len(array), 1024):
        rows = array[start : start + 1024]
        finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
        if not finite.all():
            raise ValueError(
                f"{what} holds NaN or infinity in sample {start + int(np.argmin(finite))}; "
                "the models' outputs for it cannot be compared"
            )
