"""`npz:<file>`: arrays of samples in a NumPy archive."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from akp_keras.data.records import DataSet
from akp_keras.data.samples import samples_of_arrays
from akp_keras.data.splitting import make_dataset
from akp_keras.files.below import content_digest
from akp_keras.numpy_files import UNREADABLE


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load an archive with the keys of `samples_of_arrays`; arguments as in `load_dataset`."""
    path = _path(name)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} is not a NumPy archive of numbers and text ({reason}); write one with "
            "numpy.savez"
        ) from error
    parts, class_names = samples_of_arrays(arrays)
    count = sum(len(np.atleast_1d(samples.labels)) for samples in parts.values())
    return make_dataset(
        name,
        f"{count:,} samples of the file {path.name}.",
        parts,
        class_names=class_names,
        seed=seed,
        max_samples=max_samples,
    )


def fingerprint(name: str) -> str:
    """Return a digest of the file's content."""
    return content_digest(_path(name))


def _path(name: str) -> Path:
    path = Path(name.removeprefix("npz:")).expanduser()
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path
