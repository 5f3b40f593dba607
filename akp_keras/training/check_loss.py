"""A loss tried on two samples, so that wrong arguments show before training."""

from __future__ import annotations

import keras
import numpy as np


def check_loss(identifier: str) -> None:
    """Makes sure that a loss can be computed.

    Args:
        identifier: as a schedule names it, for example `hinge` or `Huber(delta=0.5)`.

    Raises:
        ValueError: if there is no such loss, or it fails on labels of either kind.
    """
    from akp_keras.hotswap.names import find_loss

    loss = find_loss(identifier)
    predictions = keras.ops.convert_to_tensor(np.full((2, 2), 0.5, np.float32))
    columns = keras.ops.convert_to_tensor(np.eye(2, dtype=np.float32))
    numbers = keras.ops.convert_to_tensor(np.arange(2))
    errors = []
    for labels in (columns, numbers):
        try:
            loss(labels, predictions)
            return
        except Exception as error:  # a loss may raise anything
            errors.append(error)
    reason = str(errors[0]).strip().splitlines()[0]
    raise ValueError(f"loss={identifier} fails on two samples of two classes: {reason}")
