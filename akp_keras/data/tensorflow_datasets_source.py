"""`tfds:<name>`: any classification data set of TensorFlow Datasets, by name.

`tfds:mnist`, `tfds:cifar10_corrupted/fog_3` (configuration), `tfds:mnist:3.0.1` (version) and
`tfds:cats_vs_dogs[size=64]` (images resized to 64 × 64 pixels).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.data.prepared_dataset import prepare, read_split
from akp_keras.data.records import DataSet, Split
from akp_keras.failures import one_line
from akp_keras.hints import hint

if TYPE_CHECKING:
    import tensorflow_datasets as tfds

_NAME = re.compile(
    r"tfds:(?P<name>\w+(/[\w.-]+)?(:[\d*]+\.[\d*]+\.[\d*]+)?)(\[size=(?P<size>\d+)\])?"
)
_TEST_SHARE = 0.2
_VALIDATION_SHARE = 0.1


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Load a data set of TensorFlow Datasets; arguments as in `akp_keras.data.load_dataset`.

    The splits are `train`, `validation` and `test` as published. Without a published `test`, the
    test split is the published `validation`, or the last fifth of `train`. Without a remaining
    validation split, it is the last tenth of the remaining `train`. `seed` has no effect.
    """
    del seed
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise ValueError(
            f"cannot read data set name {name!r}; write tfds:<name>, tfds:<name>/<config> or "
            "tfds:<name>:<version>, optionally with [size=<pixels>], as in "
            "'tfds:cats_vs_dogs[size=64]'"
        )
    size = None if parts["size"] is None else int(parts["size"])
    builder = _prepared_builder(name, parts["name"], size, data_dir)
    input_key, label_key = builder.info.supervised_keys

    def split(published: str, start: int, stop: int) -> Split:
        if max_samples is not None:
            stop = min(stop, start + max_samples)
        return read_split(
            builder,
            published,
            start=start,
            stop=stop,
            input_key=input_key,
            label_key=label_key,
            size=size,
        )

    counts = {split: info.num_examples for split, info in builder.info.splits.items()}
    splits = {part: split(*rows) for part, rows in choose_splits(name, counts).items()}
    for part, samples in splits.items():
        if np.any(samples.labels < 0):
            raise ValueError(f"{name}: the labels of its {part} split are not published")
    return DataSet(
        name=name,
        description=" ".join(builder.info.description.split()).split(". ")[0].rstrip(".") + ".",
        class_names=tuple(builder.info.features[label_key].names),
        **splits,
    )


def choose_splits(name: str, counts: Mapping[str, int]) -> dict[str, tuple[str, int, int]]:
    """Choose the published samples of each split, by the rule in `load`.

    Args:
        name: name of the data set, for messages.
        counts: number of samples per published split.

    Returns:
        `train`, `validation` and `test` -> published split, index of the first sample, index after
        the last sample.

    Raises:
        ValueError: if the split `train` is missing, or too small to be divided.
    """
    if "train" not in counts:
        raise ValueError(
            f"{name} has no split 'train'; it has {', '.join(sorted(counts)) or 'none'}"
        )
    whole = {split: (split, 0, counts[split]) for split in counts}
    left = counts["train"]
    if "test" in whole:
        test, validation = whole["test"], whole.get("validation")
    elif "validation" in whole:
        test, validation = whole["validation"], None
    else:
        cut = left - round(_TEST_SHARE * left)
        test, validation, left = ("train", cut, left), None, cut
    if validation is None:
        cut = left - round(_VALIDATION_SHARE * left)
        validation, left = ("train", cut, left), cut
    chosen = {"train": ("train", 0, left), "validation": validation, "test": test}
    for part, (_, start, stop) in chosen.items():
        if stop <= start:
            raise ValueError(f"{name} has too few samples for a {part} split")
    return chosen


def _prepared_builder(
    name: str, published_name: str, size: int | None, data_dir: str | Path | None
) -> tfds.core.DatasetBuilder:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(published_name, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        known = tfds.list_builders(with_community_datasets=False)
        raise ValueError(
            f"TensorFlow Datasets has no data set {published_name!r}; "
            f"{hint(published_name, known, most=3)}"
        ) from error
    except Exception as error:  # unknown versions and configurations, damaged preparations
        raise ValueError(f"{name} cannot be used: {one_line(error, 300)}") from error
    _check_features(name, builder.info, size)
    try:
        return prepare(
            lambda folder: tfds.builder(published_name, data_dir=folder), data_dir, downloads=True
        )
    except Exception as error:  # hundreds of downloaders and parsers raise any exception
        raise ValueError(
            f"{name} cannot be downloaded and prepared: {one_line(error, 300)}; "
            "synthetic_cells and wisconsin_breast_cancer need no download"
        ) from error


def _check_features(name: str, info: tfds.core.DatasetInfo, size: int | None) -> None:
    import tensorflow_datasets as tfds

    keys = info.supervised_keys
    if not (isinstance(keys, tuple) and len(keys) == 2 and all(isinstance(k, str) for k in keys)):
        raise ValueError(
            f"{name} is not a classification data set: it does not declare which feature is the "
            f"input and which is the label; it has {', '.join(info.features)}"
        )
    inputs, label = (info.features[key] for key in keys)
    if not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(
            f"{name} is not a classification data set: {keys[1]!r} is not a class label"
        )
    if not np.issubdtype(inputs.np_dtype, np.number) or len(inputs.shape) not in (1, 3):
        raise ValueError(
            f"{name}: {keys[0]!r} is neither an image nor a vector of numbers; it has shape "
            f"{inputs.shape} and type {np.dtype(inputs.np_dtype).name}"
        )
    if size is not None and (size < 1 or len(inputs.shape) != 3):
        raise ValueError(f"{name}: only images can be resized, to 1 pixel or more")
    if size is None and None in inputs.shape:
        raise ValueError(
            f"{name}: images have different sizes; set one, as in 'tfds:{info.name}[size=64]'"
        )
