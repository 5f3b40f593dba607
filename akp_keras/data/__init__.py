"""Data sets by name: train, validation and test splits and a probe set; one file per source.

A source is added by one file in this folder with a `load` function and one line in `_MODULES`.
Nothing here imports TensorFlow until a data set is loaded.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from types import ModuleType

from akp_keras.data.label_noise import randomise_labels
from akp_keras.data.probe import read_probe, take_probe_set, write_probe
from akp_keras.data.records import DataSet, ProbeSet, Split
from akp_keras.data.statistics import train_statistics

__all__ = [
    "DataSet",
    "ProbeSet",
    "Split",
    "check_dataset_name",
    "list_datasets",
    "load_dataset",
    "randomise_labels",
    "read_probe",
    "take_probe_set",
    "train_statistics",
    "write_probe",
]

# A name that ends in a colon is a prefix: the source reads what follows the colon.
_MODULES = {
    "synthetic_cells": "akp_keras.data.synthetic_cells",
    "tfds:": "akp_keras.data.tensorflow_datasets_source",
    "wisconsin_breast_cancer": "akp_keras.data.wisconsin_breast_cancer",
}


def list_datasets() -> list[str]:
    """Return the names of all data sets, sorted; `tfds:<name>` stands for many."""
    return sorted(f"{name}<name>" if name.endswith(":") else name for name in _MODULES)


def load_dataset(
    name: str,
    *,
    data_dir: str | Path | None = None,
    seed: int = 0,
    max_samples: int | None = None,
) -> DataSet:
    """Load a data set; prepare it on the first call.

    Args:
        name: one of `list_datasets()`; for example `synthetic_cells` or `tfds:mnist`.
        data_dir: where prepared data is kept; by default where TensorFlow Datasets keeps it
            (`TFDS_DATA_DIR`, else `~/tensorflow_datasets`).
        seed: seed of what the source draws at random: the patches of `synthetic_cells`, the split
            of `wisconsin_breast_cancer`. The same seed returns the same bytes.
        max_samples: maximum number of samples per split, at least 1; None keeps all. Splits are
            in shuffled order, the same in every run, and the first samples are kept.

    Returns:
        The splits, in a fixed order.

    Raises:
        ValueError: if there is no data set of this name, it cannot be prepared, or a number is
            out of range.
    """
    if seed < 0:
        raise ValueError(f"seed of the data is {seed}; it must be 0 or more")
    if max_samples is not None and max_samples < 1:
        raise ValueError(f"max_samples is {max_samples}; it must be 1 or more")
    module = _module(name)
    return module.load(name, data_dir=data_dir, seed=seed, max_samples=max_samples)


def check_dataset_name(name: str) -> None:
    """Check that a data set name has a source, without loading anything.

    Raises:
        ValueError: if it has none.
    """
    _source(name)


def _module(name: str) -> ModuleType:
    return importlib.import_module(_MODULES[_source(name)])


def _source(name: str) -> str:
    prefix, colon, _ = name.partition(":")
    if prefix + colon not in _MODULES:
        close = difflib.get_close_matches(name, list_datasets(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(list_datasets())}"
        raise ValueError(f"unknown data set {name!r}; {hint}")
    return prefix + colon
