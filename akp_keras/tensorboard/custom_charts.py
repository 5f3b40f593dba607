"""The layout of TensorBoard's page of custom charts: dispersion with its intervals."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary
from tensorboard.plugins.custom_scalar import layout_pb2, metadata
from tensorboard.util.tensor_util import make_tensor_proto

from akp_keras.tensorboard.family_run import THROUGH_LAYERS, band_tags, dispersion_tag


def charts_layout(layers: Sequence[str], by_epoch: bool) -> Summary:
    """Return the layout of the charts: a line per family, or per member for accuracies.

    Args:
        layers: names of the layers, from input to output.
        by_epoch: whether dispersions at several epochs exist.

    Returns:
        The summary, to be written into one run of the log directory.
    """
    layout = layout_pb2.Layout()
    dispersion = layout.category.add(title="Dispersion with confidence intervals")
    _add_band(dispersion, "through the layers, from input to output", THROUGH_LAYERS)
    if by_epoch:
        for layer in layers:
            _add_band(dispersion, f"{layer}, by epoch", dispersion_tag(layer))
    training = layout.category.add(title="Training")
    for title, tag in (
        ("accuracy on validation samples", "accuracy/validation"),
        ("swaps so far", "swaps/so_far"),
    ):
        training.chart.add(
            title=title, multiline=layout_pb2.MultilineChartContent(tag=[f"^{re.escape(tag)}$"])
        )
    summary = Summary()
    value = summary.value.add(
        tag=metadata.CONFIG_SUMMARY_TAG,
        tensor=make_tensor_proto(layout.SerializeToString(deterministic=True)),
        metadata=metadata.create_summary_metadata(),
    )
    value.metadata.data_class = DATA_CLASS_TENSOR
    return summary


def _add_band(category: layout_pb2.Category, title: str, tag: str) -> None:
    lower, upper = band_tags(tag)
    series = layout_pb2.MarginChartContent.Series(value=tag, lower=lower, upper=upper)
    category.chart.add(title=title, margin=layout_pb2.MarginChartContent(series=[series]))
