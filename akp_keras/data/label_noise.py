"""Random labels, the stress `labels=random(p)` of a family."""

from __future__ import annotations

import numpy as np


def randomise_labels(labels: np.ndarray, fraction: float, classes: int, seed: int) -> np.ndarray:
    """Replace the labels of a fraction of the samples by uniformly drawn classes.

    As in Zhang, Bengio, Hardt, Recht and Vinyals, "Understanding deep learning requires rethinking
    generalization" (ICLR 2017, section 2.1), a new label is independent of the true one, so a
    share 1 / `classes` of the chosen samples keep theirs by chance. Exactly round(`fraction` × n)
    samples are chosen (in the paper: each with that probability). For one seed, the samples chosen
    at a smaller fraction, with their new labels, are also chosen at a larger one.

    Args:
        labels: (n,) integers from 0 to `classes` - 1; not changed.
        fraction: from 0 (a copy of the labels) to 1 (labels independent of the samples).
        classes: number of classes, at least 2.
        seed: from 0.

    Returns:
        (n,) labels of the same dtype.

    Raises:
        ValueError: if an argument is out of its range.
    """
    labels = np.asarray(labels)
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fraction={fraction} must be from 0 to 1")
    if classes < 2:
        raise ValueError(f"classes={classes} must be at least 2")
    if labels.size and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"labels range from {labels.min()} to {labels.max()}; {classes} classes need labels "
            f"from 0 to {classes - 1}"
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    drawn = rng.integers(classes, size=len(labels))
    chosen = order[: round(fraction * len(labels))]
    randomised = labels.copy()
    randomised[chosen] = drawn[chosen]
    return randomised
