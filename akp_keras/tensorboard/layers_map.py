"""Points that are layers of networks, for a few networks from input to output."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from akp_keras.tensorboard.embeddings import NEXT_POINT_COLUMN, Embedding
from akp_keras.tensorboard.models_map import map_of_models

LAYERS_MEASURE = "cka.linear"
LAYERS_SPATIAL_POLICY = "global_average"


def map_of_layers(
    representations: Mapping[str, Mapping[str, np.ndarray]], families: Mapping[str, str]
) -> Embedding:
    """Map all layers of some models together, with a line through each model's layers.

    Layers differ in size and resolution: positions of convolutional layers are averaged, and the
    distance is that of linear CKA, which is defined for different sizes.

    Args:
        representations: model -> layer -> (n, …, d) activations, layers from input to output; at
            least two layers in total.
        families: model -> its family.

    Returns:
        The embedding, one point per layer and model, grouped by model, from input to output.

    Raises:
        ValueError: if the distance is undefined, as for a layer whose activations are all equal.
    """
    from akp_keras import similarity

    places = [(model, layer) for model, layers in representations.items() for layer in layers]
    result = similarity.pairwise(
        {f"{model} {layer}": representations[model][layer] for model, layer in places},
        [LAYERS_MEASURE],
        spatial=LAYERS_SPATIAL_POLICY,
    )[LAYERS_MEASURE]
    metadata = {
        "name": list(result.names),
        "family": [families[model] for model, _ in places],
        "model": [model for model, _ in places],
        "layer": [layer for _, layer in places],
        NEXT_POINT_COLUMN: _next_rows([len(layers) for layers in representations.values()]),
    }
    return map_of_models(f"layers/{LAYERS_MEASURE}", result.distance(), metadata)[0]


def why_not_comparable(layers: Mapping[str, np.ndarray]) -> str | None:
    """Return why a model cannot be in a common map of layers.

    Args:
        layers: layer -> (n, …, d) activations.

    Returns:
        The reason, or None if it can.
    """
    for layer, representation in layers.items():
        values = np.asarray(representation)
        values = values.reshape(len(values), -1, values.shape[-1]).mean(axis=1, dtype=np.float64)
        if not np.isfinite(values).all():
            return f"{layer} is not finite: NaN or infinity among its answers"
        if (values == values[:1]).all():
            return f"{layer} is constant over the probe set: it tells no samples apart"
    return None


def _next_rows(counts: list[int]) -> list[str]:
    cells: list[str] = []
    for count in counts:
        start = len(cells)
        cells += [*(str(row + 1) for row in range(start, start + count - 1)), ""]
    return cells
