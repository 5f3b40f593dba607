"""Random labels, the stress `labels=random(p)` of a family."""

from __future__ import annotations

import numpy as np


def randomise_labels(labels: np.ndarray, fraction: float, classes: int, seed: int) -> np.ndarray:
    """Replace the labels of a fraction of the samples by labels drawn uniformly.

    As in Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding deep learning requires rethinking
    generalization" (ICLR 2017, section 2.1), new labels are drawn independently of the true
    ones, so that a share 1 / `classes` of the chosen samples keep theirs by chance. Exactly
    round(`fraction` × n) samples are chosen (in that paper, each with that probability). With the
    same seed, the samples chosen at a smaller fraction, and their new labels, are among those of a
    larger fraction.

    Args:
        labels: (n,) integers from 0 to `classes` - 1; not changed.
        fraction: from 0 (a copy of the labels) to 1 (labels independent of the samples).
        classes: number of classes, at least 2.
        seed: at least 0.

    Returns:
        (n,) labels of the same dtype.

    Raises:
        ValueError: if an argument is out of its range.
    """
    labels = np.asarray(labels)
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fraction of random labels is {fraction}; it must be from 0 to 1")
    if classes < 2:
        raise ValueError(f"number of classes is {classes}; random labels need at least 2")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; {classes} classes need labels "
            f"from 0 to {classes - 1}"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    drawn = rng.integers(classes, size=len(labels))
    chosen = order[: round(fraction * len(labels))]
    randomised = labels.copy()
    randomised[chosen] = drawn[chosen]
    return randomised
