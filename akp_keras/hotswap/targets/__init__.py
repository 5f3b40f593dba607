"""What a swap can change: one file for each target, and a line in `TARGETS`."""

from __future__ import annotations

from akp_keras.hints import hint
from akp_keras.hotswap.targets.activation import Activation
from akp_keras.hotswap.targets.added_loss import AddedLoss
from akp_keras.hotswap.targets.dropout import Dropout
from akp_keras.hotswap.targets.inputs import Inputs
from akp_keras.hotswap.targets.labels import Labels
from akp_keras.hotswap.targets.learning_rate import LearningRate
from akp_keras.hotswap.targets.loss import Loss
from akp_keras.hotswap.targets.loss_weights import LossWeights
from akp_keras.hotswap.targets.momentum import Momentum
from akp_keras.hotswap.targets.noise import Noise
from akp_keras.hotswap.targets.optimizer import Optimizer
from akp_keras.hotswap.targets.recurrent_activation import RecurrentActivation
from akp_keras.hotswap.targets.recurrent_dropout import RecurrentDropout
from akp_keras.hotswap.targets.regularizer import Regularizer
from akp_keras.hotswap.targets.target import PlaceTarget, StateTarget, Target
from akp_keras.hotswap.targets.trainable import Trainable
from akp_keras.hotswap.targets.weights import Weights

__all__ = ["TARGETS", "PlaceTarget", "StateTarget", "Target", "find_target"]

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Activation(),
        RecurrentActivation(),
        Loss(),
        LossWeights(),
        AddedLoss(),
        Regularizer(),
        Optimizer(),
        LearningRate(),
        Trainable(),
        Dropout(),
        RecurrentDropout(),
        Noise(),
        Momentum(),
        Weights(),
        Labels(),
        Inputs(),
    )
}


def find_target(name: str) -> Target:
    """Return the target of a name.

    Raises:
        ValueError: if there is none, with the nearest name.
    """
    if name not in TARGETS:
        raise ValueError(f"unknown target {name!r}; {hint(name, TARGETS)}")
    return TARGETS[name]
