"""Statistics of the training samples, by which models scale their inputs."""

from __future__ import annotations

import numpy as np

from akp_keras.data.records import Split


def train_statistics(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance over all axes but the last, for `keras.layers.Normalization`.

    Args:
        split: the training samples, (n, h, w, c) or (n, d).

    Returns:
        Mean and variance (divided by the count, as in `numpy.var`), float32 (c,) or (d,), summed
        in float64; in the unit of the inputs and its square.

    Raises:
        ValueError: if the split is empty, or a value is not finite.
    """
    if len(split.inputs) == 0:
        raise ValueError("the training split is empty; statistics need at least one sample")
    axes = tuple(range(split.inputs.ndim - 1))
    mean = split.inputs.mean(axis=axes, dtype=np.float64)
    variance = split.inputs.var(axis=axes, dtype=np.float64)
    if not np.isfinite(variance).all():
        raise ValueError("the training split holds values that are not finite (NaN or infinity)")
    return mean.astype(np.float32), variance.astype(np.float32)
