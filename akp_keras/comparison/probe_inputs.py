"""The inputs of a probe set, ours or anyone's NumPy file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from akp_keras.numpy_files import UNREADABLE

# What a probe set may hold beside what the models are shown.
_IDS, _LABELS, _CLASSES = "ids", "labels", "class_names"


@dataclass(frozen=True)
class ProbeInputs:
    """What every model is shown.

    Attributes:
        arrays: name -> (n, …) samples; one array for models of one input, whatever its name, and
            one for each input by its name otherwise.
        ids: (n,) identifiers of the samples, or None where there are none.
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
        """SHA-256 of names, dtypes, shapes and values."""
        digest = hashlib.sha256()
        for name in sorted(self.arrays):
            array = self.arrays[name]
            digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
            for start in range(0, len(array), 1024):
                digest.update(np.ascontiguousarray(array[start : start + 1024]).tobytes())
        return digest.hexdigest()


def read_probe_inputs(path: str | Path) -> ProbeInputs:
    """Reads a probe set; pickled objects are never read.

    Args:
        path: an `.npz` file, as `akp_keras.data.write_probe` writes it or with any one array of
            inputs (or one for each input of the models, by name) beside optional `ids` and
            `labels`; or an `.npy` file of inputs.

    Raises:
        ValueError: in one line that names the file, if it is missing or damaged, holds no
            inputs, one sample, NaN or infinity, or arrays that do not have one row a sample.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no probe set at {path}")
    if path.suffix not in (".npz", ".npy"):
        raise ValueError(f"probe set {path}: an .npz or .npy file of NumPy is needed")
    try:
        if path.suffix == ".npy":
            arrays = {"inputs": np.load(path, mmap_mode="r", allow_pickle=False)}
        else:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"probe set {path} is damaged, or no NumPy file ({reason})") from error
    ids, labels, _ = (arrays.pop(name, None) for name in (_IDS, _LABELS, _CLASSES))
    return check_probe_inputs(ProbeInputs(arrays, ids, labels), f"probe set {path}")


def check_probe_inputs(probe: ProbeInputs, what: str) -> ProbeInputs:
    """Gives the probe set back if it can be shown to models.

    Args:
        probe: the probe set.
        what: what to call it in a message.

    Raises:
        ValueError: in one line, if it cannot.
    """
    if not probe.arrays:
        raise ValueError(f"{what} holds no array of inputs")
    rows = {}
    for name, array in {**probe.arrays, _IDS: probe.ids, _LABELS: probe.labels}.items():
        if array is None:
            continue
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"{what}: {name!r} has no samples, its shape is {array.shape}")
        rows[name] = len(array)
    if len(set(rows.values())) > 1:
        raise ValueError(
            f"{what} has different numbers of samples: "
            + ", ".join(f"{count} in {name!r}" for name, count in rows.items())
        )
    if probe.samples < 2:
        raise ValueError(
            f"{what} has one sample; representations are compared over two samples or more"
        )
    for name, array in probe.arrays.items():
        if array.dtype.kind not in "fiubSU":
            raise ValueError(
                f"{what}: {name!r} is {array.dtype}; real numbers are needed, or text for models "
                "that take text"
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
                "models answer it with nothing that can be compared"
            )
