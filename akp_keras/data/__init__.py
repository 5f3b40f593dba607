"""Data sets by name, with their splits and a probe set; one file per source.

To add a source, add a file with a `load` function to this folder, and a line to `_MODULES`.
TensorFlow is imported when a data set is loaded.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from akp_keras.data.label_noise import randomise_labels
from akp_keras.data.probe import TooFewSamples, read_probe, take_probe_set, write_probe
from akp_keras.data.records import DataSet, ProbeSet, Split
from akp_keras.data.statistics import train_statistics
from akp_keras.hints import hint
from akp_keras.own_code import is_function_name

__all__ = [
    "DataSet",
    "ProbeSet",
    "Split",
    "TooFewSamples",
    "check_dataset_name",
    "fingerprint",
    "list_datasets",
    "load_dataset",
    "randomise_labels",
    "read_probe",
    "take_probe_set",
    "train_statistics",
    "write_probe",
]

# A name up to a colon is a prefix; the source reads what follows.
_MODULES = {
    "csv:<file>": "akp_keras.data.csv_source",
    "digits": "akp_keras.data.digits",
    "folder:<path>": "akp_keras.data.folder_source",
    "npz:<file>": "akp_keras.data.npz_source",
    "synthetic_cells": "akp_keras.data.synthetic_cells",
    "tfds:<name>": "akp_keras.data.tensorflow_datasets_source",
    "wisconsin_breast_cancer": "akp_keras.data.wisconsin_breast_cancer",
    "<module>:<function>": "akp_keras.data.own_function",
}
_OWN_FUNCTION = "<module>:<function>"


def list_datasets() -> list[str]:
    """Return the names of all data sets; `tfds:<name>` and the like stand for many."""
    return list(_MODULES)


def load_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    max_samples: int | None = None,
) -> DataSet:
    """Load a data set, and prepare it on the first call.

    Args:
        name: one of `list_datasets()`; for example `synthetic_cells`, `tfds:mnist` or
            `folder:patches[size=96]`.
        data_dir: folder of prepared data; by default that of TensorFlow Datasets
            (`TFDS_DATA_DIR`, or `~/tensorflow_datasets`).
        seed: seed of what the source draws: the patches of `synthetic_cells`, the splits of
            other sources. The same seed produces the same bytes.
        max_samples: maximum number of samples per split, taken from its start; None for all.
            Splits are in a shuffled order, the same in every run.

    Returns:
        The splits, in a fixed order.

    Raises:
        ValueError: in one line, if the name is unknown, the data set cannot be prepared, or a
            number is out of range.
    """
    if seed < 0:
        raise ValueError(f"seed={seed} must be at least 0")
    if max_samples is not None and max_samples < 1:
        raise ValueError(f"max_samples={max_samples} must be at least 1")
    module = _module(name)
    return module.load(name, data_dir=data_dir, seed=seed, max_samples=max_samples)


def fingerprint(name: str) -> str | None:
    """Return what tells whether a data set has changed since it was loaded.

    Args:
        name: as in `load_dataset`.

    Returns:
        A SHA-256 digest of a file's content, of the names and sizes of a folder's images, or of
        the source of a function's module, in hexadecimal digits; None for data sets that do not
        change.

    Raises:
        ValueError: in one line, if the name is unknown, or nothing is there.
    """
    module = _module(name)
    return module.fingerprint(name) if hasattr(module, "fingerprint") else None


def check_dataset_name(name: str) -> None:
    """Raise a ValueError if no source has a data set of this name; load nothing."""
    _source(name)


def _module(name: str) -> ModuleType:
    return importlib.import_module(_MODULES[_source(name)])


def _source(name: str) -> str:
    prefix, colon, _ = name.partition(":")
    for source in _MODULES:
        known, known_colon, _ = source.partition(":")
        if (prefix, colon) == (known, known_colon):
            return source
    if is_function_name(name) and prefix not in _MODULES:
        return _OWN_FUNCTION
    raise ValueError(f"unknown data set {name!r}; {hint(name, list_datasets())}")
