"""Representations of the probe set after chosen epochs, taken during training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from akp_keras.export.snapshots import Snapshots
from akp_keras.similarity.spatial import apply_policy

_BATCH = 256


class TakeSnapshots(keras.callbacks.Callback):
    """Computes the outputs of the tapped layers for the probe set after some epochs.

    It does not change the trained weights by a bit: layers are called as at inference, where they
    neither draw random numbers nor change their state. They are called eagerly, layer by layer. So
    nothing is traced, and swaps are in effect whichever strategy made them.

    Args:
        inputs: (n, …) float32 samples of the probe set.
        layers: names of the tapped layers.
        epochs: epochs, from 0.
    """

    def __init__(self, inputs: np.ndarray, layers: Sequence[str], epochs: Collection[int]) -> None:
        super().__init__()
        self._inputs = inputs
        self._layers = tuple(layers)
        self._epochs = frozenset(epochs)
        self._taken: dict[int, Mapping[str, np.ndarray]] = {}

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Discard the snapshots of an earlier training."""
        self._taken = {}
        self._taps = keras.Model(
            self.model.input,
            {name: self.model.get_layer(name).output for name in self._layers},
            # A name made up by Keras is numbered, and would change the names of later models.
            name="snapshots",
        )

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Take the representations if this epoch is among the chosen ones."""
        if epoch in self._epochs:
            self._taken[epoch] = self._represent()

    @property
    def snapshots(self) -> Snapshots:
        """The snapshots, in the order of epochs."""
        epochs = tuple(sorted(self._taken))
        return Snapshots(
            epochs,
            {
                layer: np.stack([self._taken[epoch][layer] for epoch in epochs])
                for layer in self._layers
            },
        )

    def _represent(self) -> Mapping[str, np.ndarray]:
        parts: dict[str, list[np.ndarray]] = {layer: [] for layer in self._layers}
        for start in range(0, len(self._inputs), _BATCH):
            answers = self._taps(self._inputs[start : start + _BATCH], training=False)
            for layer, answer in answers.items():
                values = keras.ops.convert_to_numpy(answer)
                parts[layer].append(apply_policy(values, "global_average", layer))
        return {layer: np.concatenate(values) for layer, values in parts.items()}
