"""What the page `akp` of TensorBoard shows, as summaries: one JSON text a tag."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.util.tensor_util import make_tensor_proto

from akp_keras.tensorboard.names import measure_in_a_name
from akp_keras.tensorboard.plugin.names import (
    DISPERSION_TAG,
    MATRIX_TAG,
    MEMBERS_TAG,
    PLUGIN_NAME,
)
from akp_keras.tensorboard.training_run import changes_of

if TYPE_CHECKING:
    from akp_keras.comparison.matrix import SimilarityMatrix
    from akp_keras.export.member_record import MemberRecord

_DIGITS = 7


def page_summaries(
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    coordinates: Sequence[np.ndarray],
    dispersion: Mapping[str, Mapping[str, float]],
) -> Iterator[Summary]:
    """The data of the page, one tag for each thing.

    Tags are kept apart because TensorBoard keeps only some steps of a tag.

    Args:
      members: all members.
      matrices: all matrices.
      coordinates: (m, k) coordinates for each matrix, k ≥ 3, of which two are shown.
      dispersion: for each layer the dispersion of each family.

    Yields:
      `members`, `dispersion`, and `matrix/<layer>/<measure>` for each matrix. Numbers of the
      last two have seven significant digits; an accuracy that is unknown or not finite is null.
    """
    yield _json_summary(
        MEMBERS_TAG,
        [
            {
                "name": member.name,
                "family": member.family,
                "schedule": member.schedule,
                "accuracy": _finite_or_none(member.metrics.get("test_accuracy")),
                "swaps": [dict(swap) for swap in changes_of(member)],
            }
            for member in members
        ],
    )
    yield _json_summary(
        DISPERSION_TAG,
        [
            {
                "layer": layer,
                "families": {family: _rounded(value) for family, value in values.items()},
            }
            for layer, values in dispersion.items()
        ],
    )
    for matrix, points in zip(matrices, coordinates, strict=True):
        yield _json_summary(
            f"{MATRIX_TAG}/{matrix.layer}/{measure_in_a_name(matrix.measure)}",
            {
                "layer": matrix.layer,
                "measure": matrix.measure,
                "members": list(matrix.members),
                "values": _rows(matrix.values),
                "distances": _rows(matrix.distances),
                "coordinates": _rows(points[:, :2]),
            },
        )


def _json_summary(tag: str, content: object) -> Summary:
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    summary = Summary()
    summary.value.add(
        tag=tag,
        tensor=make_tensor_proto(text.encode("utf-8"), dtype=np.object_),
        metadata=SummaryMetadata(
            data_class=DATA_CLASS_TENSOR,
            plugin_data=SummaryMetadata.PluginData(plugin_name=PLUGIN_NAME),
        ),
    )
    return summary


def _rows(array: np.ndarray) -> list[list[float]]:
    return [[_rounded(value) for value in row] for row in np.asarray(array, dtype=float).tolist()]


def _finite_or_none(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
