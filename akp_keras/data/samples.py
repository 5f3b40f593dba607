"""Samples as sources have them, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from akp_keras.hints import hint
from akp_keras.natural_order import natural_order

_SAMPLE_KEYS = ("inputs", "labels", "ids", "groups")
_SPLITS = ("train", "validation", "test")
_PUBLISHED_KEYS = tuple(f"{axis}_{split}" for split in _SPLITS for axis in "xy")


@dataclass(frozen=True)
class Samples:
    """Samples in the order of their source.

    Attributes:
        inputs: (n, h, w, c), (n, h, w) or (n, d) numbers, without preprocessing.
        labels: (n,) or (n, 1) integers or text.
        ids: (n,) text or integers that identify samples; None for their numbers.
        groups: (n,) text or integers, such as patients; samples of a group stay in one split.
    """

    inputs: Any
    labels: Any
    ids: Any = None
    groups: Any = None


@dataclass(frozen=True)
class Labelled:
    """Samples by split, checked, with the names of their classes.

    Attributes:
        splits: `train`, and `validation` and `test` where the source has them. Inputs are float32
            (n, h, w, c) or (n, d), labels int64 from 0, ids text; groups are text or None.
        class_names: one name per class, in the order of the labels.
    """

    splits: Mapping[str, Samples]
    class_names: tuple[str, ...]


def samples_of_arrays(
    arrays: Mapping[str, Any],
) -> tuple[dict[str, Samples], tuple[str, ...] | None]:
    """Read samples from arrays by name.

    Args:
        arrays: `inputs` and `labels`, optionally `ids` and `groups`; or `x_train`, `y_train`,
            `x_test` and `y_test`, optionally `x_validation` and `y_validation`. With either,
            optionally `class_names`.

    Returns:
        The samples by split, with unsplit ones under `train`, and the names of the classes.

    Raises:
        ValueError: in one line, if an array is missing or has another name.
    """
    names = arrays.get("class_names")
    class_names = None if names is None else tuple(str(name) for name in np.ravel(names))
    keys = [key for key in arrays if key != "class_names"]
    published = any(key in _PUBLISHED_KEYS for key in keys)
    known = _PUBLISHED_KEYS if published else _SAMPLE_KEYS
    for key in keys:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; {hint(key, (*known, 'class_names'))}")
    needed = ("x_train", "y_train", "x_test", "y_test") if published else ("inputs", "labels")
    if any(key.endswith("_validation") for key in keys):
        needed += ("x_validation", "y_validation")
    missing = [key for key in needed if key not in keys]
    if missing:
        raise ValueError(
            f"there is no {' and no '.join(missing)}; the keys are inputs and labels (and ids, "
            "groups, class_names), or x_train, y_train, x_test, y_test (and x_validation, "
            "y_validation)"
        )
    if not published:
        return {"train": Samples(**{key: arrays[key] for key in keys})}, class_names
    splits = [split for split in _SPLITS if f"x_{split}" in keys]
    return {s: Samples(arrays[f"x_{s}"], arrays[f"y_{s}"]) for s in splits}, class_names


def check_samples(
    parts: Mapping[str, Samples], class_names: Sequence[str] | None = None
) -> Labelled:
    """Check samples, and bring them into the form of `Split`.

    Args:
        parts: the samples by split.
        class_names: one name per class, in the order of integer labels; by default the distinct
            labels, sorted.

    Returns:
        The samples in the same order; ids are by default `<split>-<number>`.

    Raises:
        ValueError: in one line that says what is wrong, and where.
    """
    checked = {split: _check_arrays(split, samples) for split, samples in parts.items()}
    shapes = {split: samples.inputs.shape[1:] for split, samples in checked.items()}
    for split, shape in shapes.items():
        if shape != shapes["train"]:
            raise ValueError(
                f"samples of the {split} split have shape {shape}, and those of the train split "
                f"{shapes['train']}; all must have the same"
            )
    _refuse_duplicates(np.concatenate([samples.ids for samples in checked.values()]))
    values = np.concatenate([_label_values(samples) for samples in checked.values()])
    numbers, class_names = _number_labels(values, class_names)
    ends = np.cumsum([len(samples.ids) for samples in checked.values()])[:-1]
    return Labelled(
        {
            split: Samples(samples.inputs, labels, samples.ids, samples.groups)
            for (split, samples), labels in zip(
                checked.items(), np.split(numbers, ends), strict=True
            )
        },
        class_names,
    )


def _check_arrays(split: str, samples: Samples) -> Samples:
    inputs, labels = _as_inputs(samples.inputs), np.asarray(samples.labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        advice = "; for one-hot labels use labels.argmax(axis=1)" if labels.ndim == 2 else ""
        raise ValueError(
            f"labels have shape {labels.shape}; they must have one value per sample, (n,){advice}"
        )
    count = len(inputs)
    ids = samples.ids
    if ids is None:
        ids = [f"{split}-{number:0{len(str(count))}d}" for number in range(1, count + 1)]
    columns = {"labels": labels, "ids": np.asarray(ids).astype(np.str_)}
    if samples.groups is not None:
        columns["groups"] = np.asarray(samples.groups).astype(np.str_)
    for name, column in columns.items():
        if column.shape != (count,):
            size = len(column) if column.ndim == 1 else f"shape {column.shape} of"
            raise ValueError(
                f"there are {count} inputs and {size} {name}; there must be one of each per sample"
            )
    if count == 0:
        raise ValueError(f"the {split} split has no samples")
    finite = np.isfinite(inputs).reshape(count, -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"the inputs of sample {str(columns['ids'][~finite][0])!r} hold values that are not "
            "finite (NaN or infinity)"
        )
    return Samples(inputs, **columns)


def _as_inputs(values: Any) -> np.ndarray:
    inputs = np.asarray(values)
    if inputs.dtype.kind not in "biuf":
        raise ValueError(f"inputs have type {inputs.dtype}; they must be numbers")
    if inputs.ndim == 3:
        inputs = inputs[..., np.newaxis]
    if inputs.ndim not in (2, 4) or 0 in inputs.shape[1:]:
        raise ValueError(
            f"inputs have shape {inputs.shape}; they must be measurements (n, d) or images "
            "(n, h, w, c) or (n, h, w)"
        )
    with np.errstate(over="ignore"):  # what overflows is infinite, and is refused as such
        return inputs.astype(np.float32)


def _refuse_duplicates(ids: np.ndarray) -> None:
    values, counts = np.unique(ids, return_counts=True)
    if counts.max() > 1:
        raise ValueError(f"id {str(values[counts > 1][0])!r} occurs more than once")


def _label_values(samples: Samples) -> np.ndarray:
    """Return labels as integers or text."""
    labels = samples.labels
    if labels.dtype.kind == "O":
        labels = labels.astype(np.str_) if isinstance(labels[0], str) else labels
    if labels.dtype.kind in "SU":
        labels = labels.astype(np.str_)
        empty = np.char.strip(labels) == ""
    elif labels.dtype.kind in "biuf":
        empty = ~np.isfinite(labels) | (labels != np.floor(labels))
    else:
        raise ValueError(f"labels have type {labels.dtype}; they must be integers or text")
    if empty.any():
        raise ValueError(
            f"the label of sample {str(samples.ids[empty][0])!r} is {labels[empty][0].item()!r}; "
            "labels must be integers or text"
        )
    return labels if labels.dtype.kind == "U" else labels.astype(np.int64)


def _number_labels(
    values: np.ndarray, class_names: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    is_text = values.dtype.kind == "U"
    if class_names is None:
        distinct, numbers = np.unique(values, return_inverse=True)
        order = sorted(range(len(distinct)), key=lambda row: natural_order(str(distinct[row])))
        order = np.asarray(order if is_text else range(len(distinct)))
        numbers, class_names = np.argsort(order)[numbers], distinct[order]
    elif is_text:
        rank = {name: number for number, name in enumerate(class_names)}
        unknown = [str(value) for value in np.unique(values) if str(value) not in rank]
        if unknown:
            raise ValueError(f"label {unknown[0]!r} is not a class; {hint(unknown[0], rank)}")
        numbers = np.array([rank[str(value)] for value in values])
    else:
        numbers = values
        if numbers.min() < 0 or numbers.max() >= len(class_names):
            raise ValueError(
                f"labels range from {numbers.min()} to {numbers.max()}; {len(class_names)} class "
                f"names need labels from 0 to {len(class_names) - 1}"
            )
    class_names = tuple(str(name) for name in class_names)
    if len(set(class_names)) < len(class_names):
        raise ValueError(f"two classes have the same name: {', '.join(class_names)}")
    counts = np.bincount(numbers, minlength=len(class_names))
    if len(class_names) < 2:
        raise ValueError(f"all samples are of one class, {class_names[0]!r}; at least 2 are needed")
    if counts.min() == 0:
        raise ValueError(f"class {class_names[int(counts.argmin())]!r} has no samples")
    return numbers.astype(np.int64), class_names
