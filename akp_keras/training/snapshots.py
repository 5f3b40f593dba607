"""Representations of the probe set at the ends of chosen epochs, while a member is trained."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from akp_keras.export.snapshots import Snapshots
from akp_keras.similarity.spatial import apply_policy

_BATCH = 256


class TakeSnapshots(keras.callbacks.Callback):
    """Asks the tapped layers for the probe set at the ends of some epochs.

    The weights of a model that is trained with it are those of one without it, to the last bit:
    layers are asked as at inference, where none draws random numbers or changes its state. They
    are asked eagerly, layer by layer. So nothing is traced, and what a swap has put in force is
    what answers, whichever strategy put it there.

    Args:
        inputs: (n, …) float32 samples of the probe set.
        layers: names of the tapped layers.
        epochs: numbers of epochs from 0.
    """

    def __init__(self, inputs: np.ndarray, layers: Sequence[str], epochs: Collection[int]) -> None:
        super().__init__()
        self._inputs = inputs
        self._layers = tuple(layers)
        self._epochs = frozenset(epochs)
        self._taken: dict[int, Mapping[str, np.ndarray]] = {}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Forgets what an earlier training left."""
        self._taken = {}
        self._taps = keras.Model(
            self.model.input,
            {name: self.model.get_layer(name).output for name in self._layers},
            # A name made up by Keras would count on, and change the names of the models after it.
            name="snapshots",
        )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Takes the representations, where this epoch is one of those chosen."""
        if epoch in self._epochs:
            self._taken[epoch] = self._ask()

    @property
    def snapshots(self) -> Snapshots:
        """What was taken, the epochs in order."""
        epochs = tuple(sorted(self._taken))
        return Snapshots(
            epochs,
            {
                layer: np.stack([self._taken[epoch][layer] for epoch in epochs])
                for layer in self._layers
            },
        )

    def _ask(self) -> Mapping[str, np.ndarray]:
        parts: dict[str, list[np.ndarray]] = {layer: [] for layer in self._layers}
        for start in range(0, len(self._inputs), _BATCH):
            answers = self._taps(self._inputs[start : start + _BATCH], training=False)
            for layer, answer in answers.items():
                values = keras.ops.convert_to_numpy(answer)
                parts[layer].append(apply_policy(values, "global_average", layer))
        return {layer: np.concatenate(values) for layer, values in parts.items()}
