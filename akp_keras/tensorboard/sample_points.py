"""Points that are probe samples, as a network represents them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from akp_keras.tensorboard.bookmarks import bookmark
from akp_keras.tensorboard.coordinates import principal_components
from akp_keras.tensorboard.embeddings import MOST_COLOURS, Embedding
from akp_keras.tensorboard.names import check_name

if TYPE_CHECKING:
    from akp_keras.data.records import ProbeSet


def map_of_samples(
    layer: str, representation: np.ndarray, metadata: Mapping[str, list[str]]
) -> Embedding:
    """Map the probe samples at one layer of a model by principal components.

    Each model has its own axes: these points show how a model arranges the samples, and do not
    compare models.

    Args:
        layer: name of the layer, which becomes the name of the tensor.
        representation: (n, …) activations on the probe set.
        metadata: metadata from `sample_metadata`.

    Returns:
        The embedding, with bookmarks that colour by class if there are several classes.
    """
    points = principal_components(representation)
    bookmarks = []
    if 1 < len(set(metadata["class"])) <= MOST_COLOURS:
        bookmarks = [
            bookmark(
                f"Colour by class, {'flat' if axes == 2 else 'in space'}",
                points,
                colour_by="class",
                label_by="name",
                axes=axes,
            )
            for axes in (3, 2)
        ]
    return Embedding(check_name(layer, "layer"), points, metadata, bookmarks)


def sample_metadata(probe: ProbeSet) -> Mapping[str, list[str]]:
    """Return names and classes of the probe samples, in their order.

    Args:
        probe: the probe set.

    Returns:
        The columns `name` and `class`.

    Raises:
        ValueError: if a label has no class name, or the numbers of inputs, labels and ids differ.
    """
    for what, values in (("inputs", probe.inputs), ("labels", probe.labels)):
        if len(values) != len(probe.ids):
            raise ValueError(f"{len(values)} {what} for {len(probe.ids)} ids of probe samples")
    if not np.issubdtype(np.asarray(probe.labels).dtype, np.integer):
        raise ValueError(
            f"labels of the probe samples are {np.asarray(probe.labels).dtype}, not integers"
        )
    names = [str(identity) for identity in probe.ids]
    # The page labels points by the first column that is not all numbers.
    if all(_is_a_number(name) for name in names):
        names = [f"sample {name}" for name in names]
    if len(probe.labels) and not 0 <= min(probe.labels) <= max(probe.labels) < len(
        probe.class_names
    ):
        raise ValueError(
            f"labels from {min(probe.labels)} to {max(probe.labels)} for "
            f"{len(probe.class_names)} class names"
        )
    return {"name": names, "class": [str(probe.class_names[label]) for label in probe.labels]}


def has_images(probe: ProbeSet) -> bool:
    """Return whether the probe samples are images: n × h × w × c with one or three channels."""
    return probe.inputs.ndim == 4 and probe.inputs.shape[-1] in (1, 3)


def _is_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
