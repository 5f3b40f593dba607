"""The probe set: drawn from the test split, written to a file, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from akp_keras.data.records import DataSet, ProbeSet
from akp_keras.files.whole import whole_file
from akp_keras.numpy_files import UNREADABLE, open_arrays

# With fewer samples, measures say nothing; --probe_samples has the same bound.
FEWEST_PROBE_SAMPLES = 8
_MOST_BY_DEFAULT = 256
_KEYS = ("ids", "images", "labels", "class_names")


class TooFewSamples(ValueError):
    """A class has too few test samples for a probe set.

    Attributes:
        most: the largest number of samples that a balanced probe set can have.
    """

    def __init__(self, message: str, most: int) -> None:
        super().__init__(message)
        self.most = most


def take_probe_set(dataset: DataSet, size: int | None, seed: int) -> ProbeSet:
    """Draw a class-balanced sample of the test split, in a fixed order.

    Args:
        dataset: the data set.
        size: number of samples; class counts differ by at most 1, the first classes have more.
            None for up to 256, as many as the rarest class allows.
        seed: from 0; the same seed produces the same samples in the same order.

    Returns:
        The probe set, with classes in random order.

    Raises:
        ValueError: if `size` is not positive.
        TooFewSamples: if a class has too few test samples.
    """
    test, classes = dataset.test, len(dataset.class_names)
    available = np.bincount(test.labels, minlength=classes)
    scarce = int(np.argmin(available))
    most = int(available[scarce]) * classes
    if most < FEWEST_PROBE_SAMPLES:
        raise TooFewSamples(
            f"a balanced probe set has at least {FEWEST_PROBE_SAMPLES} test samples, and "
            f"{dataset.name} has {available[scarce]} of {dataset.class_names[scarce]!r}; take more "
            "data",
            most,
        )
    if size is None:
        size = min(_MOST_BY_DEFAULT, most)
    if size < 1:
        raise ValueError(f"size={size} of the probe set must be at least 1")
    wanted = np.full(classes, size // classes)
    wanted[: size % classes] += 1
    if np.any(wanted > available):
        raise TooFewSamples(
            f"a balanced probe set of {size} needs {wanted.max()} test samples per class, and "
            f"{dataset.name} has {available[scarce]} of {dataset.class_names[scarce]!r}; "
            f"take at most {most}",
            most,
        )
    rng = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            rng.permutation(np.flatnonzero(test.labels == label))[:count]
            for label, count in enumerate(wanted)
        ]
    )
    chosen = rng.permutation(chosen)
    return ProbeSet(
        ids=test.ids[chosen],
        inputs=test.inputs[chosen],
        labels=test.labels[chosen],
        class_names=dataset.class_names,
    )


def write_probe(path: str | Path, probe: ProbeSet) -> None:
    """Write a probe set as NumPy archive; the file is written whole, by rename, or not at all.

    The same probe set produces the same bytes. Keys: `ids` (n,) str, `images` (n, h, w, c) or
    (n, d) float32, which are the inputs, `labels` (n,) int64, `class_names` (classes,) str.

    Args:
        path: the file, usually `probe.npz`; replaced if it exists.
        probe: the probe set.

    Raises:
        ValueError: if the probe set is inconsistent, as in `read_probe`.
        OSError: if the file cannot be written.
    """
    path = Path(path)
    _check(probe, "the probe set")
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        np.savez(
            file,
            ids=np.asarray(probe.ids, dtype=np.str_),
            images=np.asarray(probe.inputs, dtype=np.float32),
            labels=np.asarray(probe.labels, dtype=np.int64),
            class_names=np.asarray(probe.class_names, dtype=np.str_),
        )


def read_probe(path: str | Path) -> ProbeSet:
    """Read what `write_probe` wrote, or any archive with the same keys.

    Args:
        path: the file.

    Returns:
        The probe set.

    Raises:
        ValueError: in one line that names the file and the fault, if it is missing, damaged or
            inconsistent.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"no probe set at {path}")
    try:
        with open_arrays(path) as archive:
            missing = [key for key in _KEYS if key not in archive.files]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            arrays = {key: archive[key] for key in _KEYS}
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"{path} is not a probe set ({reason}); use a NumPy archive (.npz) with the keys "
            f"{', '.join(_KEYS)}"
        ) from error
    if not np.issubdtype(arrays["labels"].dtype, np.integer):
        raise ValueError(f"{path}: labels are {arrays['labels'].dtype}, not integers")
    if not np.issubdtype(arrays["images"].dtype, np.number):
        raise ValueError(f"{path}: images are {arrays['images'].dtype}, not numbers")
    probe = ProbeSet(
        ids=arrays["ids"].astype(np.str_),
        inputs=arrays["images"].astype(np.float32),
        labels=arrays["labels"].astype(np.int64),
        class_names=tuple(str(name) for name in arrays["class_names"].ravel()),
    )
    _check(probe, str(path))
    return probe


def _check(probe: ProbeSet, where: str) -> None:
    if probe.ids.ndim != 1 or probe.labels.ndim != 1 or probe.inputs.ndim < 2:
        raise ValueError(
            f"{where}: ids have shape {probe.ids.shape}, images {probe.inputs.shape} and labels "
            f"{probe.labels.shape}; each must have one row per sample: (n,), (n, h, w, c), (n,)"
        )
    lengths = [len(probe.ids), len(probe.inputs), len(probe.labels)]
    if len(set(lengths)) > 1:
        raise ValueError(
            f"{where}: {lengths[0]} ids, {lengths[1]} images and {lengths[2]} labels; "
            "there must be one of each per sample"
        )
    if lengths[0] == 0:
        raise ValueError(f"{where} holds no sample")
    ids, counts = np.unique(probe.ids, return_counts=True)
    if len(ids) < len(probe.ids):
        raise ValueError(f"{where}: id {str(ids[counts > 1][0])!r} occurs more than once")
    if not np.isfinite(probe.inputs).all():
        raise ValueError(f"{where}: images hold values that are not finite (NaN or infinity)")
    if probe.labels.min() < 0 or probe.labels.max() >= len(probe.class_names):
        raise ValueError(
            f"{where}: labels range from {probe.labels.min()} to {probe.labels.max()}, but it has "
            f"{len(probe.class_names)} class names"
        )
