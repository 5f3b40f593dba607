"""Samples into training, validation and test splits: stratified, seeded, and by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from akp_keras.data.records import DataSet, Split
from akp_keras.data.samples import Labelled, Samples, check_samples

# One part in so many: the test split of all samples, the validation split of the rest.
_TEST_PARTS = 5
_VALIDATION_PARTS = 10


def make_dataset(
    name: str,
    description: str,
    parts: Mapping[str, Samples],
    *,
    class_names: Sequence[str] | None = None,
    seed: int,
    max_samples: int | None,
) -> DataSet:
    """Make a data set of samples.

    A missing test split is 20 % of the `train` samples, and a missing validation split 10 % of
    those that remain, both stratified by class. Samples of a group stay together; the shares are
    then as near as the groups allow.

    Args:
        name: name of the data set.
        description: a sentence on the data.
        parts: `train`, and `validation` and `test` where the source has them.
        class_names: as in `check_samples`.
        seed: from 0; sets the splits and the order of the samples.
        max_samples: maximum number of samples per split, of a random order; None for all.

    Returns:
        The data set.

    Raises:
        ValueError: in one line, for samples that `check_samples` refuses, and for classes or
            groups too small to be split.
    """
    labelled = check_samples(parts, class_names)
    splits = dict(labelled.splits)
    for split, share in (("test", _TEST_PARTS), ("validation", _VALIDATION_PARTS)):
        if split not in splits:
            rest, taken = _divide(splits["train"], labelled.class_names, split, share, seed)
            splits |= {"train": rest, split: taken}
    _require_all_classes(splits, labelled)
    rng = np.random.default_rng(seed)

    def finished(samples: Samples) -> Split:
        rows = rng.permutation(len(samples.ids))[:max_samples]
        return Split(samples.inputs[rows], samples.labels[rows], samples.ids[rows])

    return DataSet(
        name=name,
        description=description,
        class_names=labelled.class_names,
        train=finished(splits["train"]),
        validation=finished(splits["validation"]),
        test=finished(splits["test"]),
    )


def _divide(
    samples: Samples, class_names: Sequence[str], split: str, parts: int, seed: int
) -> tuple[Samples, Samples]:
    """Return the rest and a split, which is one part in `parts` of the samples."""
    if samples.groups is not None:
        rows = _rows_by_group(samples, split, parts, seed)
    else:
        rows = _rows_by_class(samples, class_names, split, parts, seed)

    def of(chosen: np.ndarray) -> Samples:
        groups = None if samples.groups is None else samples.groups[chosen]
        return Samples(samples.inputs[chosen], samples.labels[chosen], samples.ids[chosen], groups)

    rest, taken = rows
    return of(rest), of(taken)


def _rows_by_class(
    samples: Samples, class_names: Sequence[str], split: str, parts: int, seed: int
) -> Sequence[np.ndarray]:
    counts = np.bincount(samples.labels, minlength=len(class_names))
    rows = np.arange(len(samples.labels))
    size = -(-len(rows) // parts)
    if counts.min() < 2 or size < len(class_names) or len(rows) - size < len(class_names):
        raise ValueError(
            f"class {class_names[int(counts.argmin())]!r} has {counts.min()} of {len(rows)} "
            f"samples from which a stratified {split} split of {size} is taken; that is too few"
        )
    return train_test_split(rows, test_size=size, stratify=samples.labels, random_state=seed)


def _rows_by_group(
    samples: Samples, split: str, parts: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    counts = np.unique(samples.labels, return_counts=True)[1]
    folds = min(parts, len(np.unique(samples.groups)), counts.min())
    if folds < 2:
        raise ValueError(
            f"there are too few groups, or too few samples of a class, for a {split} split of its "
            "own groups; at least 3 groups are needed"
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels = samples.labels

    def unevenness(rows: tuple[np.ndarray, np.ndarray]) -> tuple[int, float]:
        absent = sum(len(np.setdiff1d(labels, labels[part])) for part in rows)
        return absent, abs(len(rows[1]) - len(labels) / parts)

    return min(splitter.split(samples.inputs, labels, samples.groups), key=unevenness)


def _require_all_classes(splits: Mapping[str, Samples], labelled: Labelled) -> None:
    for split in ("train", "test"):
        counts = np.bincount(splits[split].labels, minlength=len(labelled.class_names))
        if counts.min() == 0:
            absent = labelled.class_names[int(counts.argmin())]
            raise ValueError(
                f"the {split} split has no samples of class {absent!r}"
                + ("; the class lies in too few groups" if _has_groups(splits) else "")
            )


def _has_groups(splits: Mapping[str, Samples]) -> bool:
    return splits["train"].groups is not None
