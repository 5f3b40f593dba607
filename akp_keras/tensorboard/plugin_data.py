"""The data of TensorBoard's page `akp` as summaries, one JSON text per tag."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.util.tensor_util import make_tensor_proto

from akp_keras.tensorboard.names import measure_in_a_name
from akp_keras.tensorboard.page_contents import (
    Dispersions,
    FamilyDispersion,
    Pictures,
    SampleFactor,
    Trajectory,
)
from akp_keras.tensorboard.plugin.names import (
    DISPERSION_TAG,
    MATRIX_TAG,
    MEMBERS_TAG,
    PICTURES_TAG,
    PLUGIN_NAME,
    SAMPLE_FACTORS_TAG,
    TRAJECTORY_TAG,
)
from akp_keras.tensorboard.training_run import changes_of

if TYPE_CHECKING:
    from akp_keras.comparison.matrix import SimilarityMatrix
    from akp_keras.export.member_record import MemberRecord

_DIGITS = 7
_MOST = 300
# Computed powers would be wrong in the last place, and their quotients long in JSON.
_POWERS_OF_TEN = np.array([float(f"1e{power}") for power in range(_MOST + 1)])


def page_summaries(
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    coordinates: Sequence[np.ndarray],
    dispersion: Mapping[str, Mapping[str, float]],
    *,
    dispersions: Sequence[Dispersions] = (),
    trajectories: Iterable[Trajectory] = (),
    pictures: Pictures | None = None,
    sample_factors: Iterable[SampleFactor] = (),
    legends: Mapping[str, str] | None = None,
) -> Iterator[Summary]:
    """Yield the data of the page as summaries, one per tag.

    There are many tags because TensorBoard keeps only some steps of a tag, and because the page
    reads only what it shows. A tag may be written again at a later step: the page shows the last
    step.

    | tag | JSON |
    |---|---|
    | `members` | `[{name, family, legend, schedule, accuracy, train_accuracy, gap, swaps}]` |
    | `dispersion` | `[{layer, measure, control, level, verdict, reason, effect, cautions, pvalue, \
    families: [{family, mean, interval, ratio, ratio_interval, distances: {member: number}}]}]` |
    | `matrix/<layer>/<measure>` | `{layer, measure, members, values, distances, coordinates}` |
    | `trajectory/<layer>/<measure>` | `{layer, measure, epochs, members, coordinates (M, T, 2), \
    dispersion: {family: [T]}, swaps: {member: [{epoch, label, when}]}, \
    excluded: {member: reason}, averaged}` |
    | `pictures` | `{ids, labels, png (base64 or null), side, columns, pictured}` |
    | `sample_factors/<layer>/<family>/<seed>` | `{layer, member, samples, factors, kept, data}`, \
    `data` base64 of little-endian float16, row by row |

    Args:
        members: all members.
        matrices: all similarity matrices.
        coordinates: (m, k) coordinates per matrix, k ≥ 3, of which two are shown.
        dispersion: layer -> family -> dispersion. Shown, without members and intervals, for layers
            that `dispersions` lacks.
        dispersions: dispersions at a layer under a measure, from `page_dispersions`.
        trajectories: the members' trajectories through training.
        pictures: the probe set, from `page_pictures.draw_pictures`.
        sample_factors: factors from `sample_factors.sample_factor`, for the members whose most
            different samples the page shows; consumed one by one.
        legends: family -> its name in the page's legend; by default its own.

    Yields:
        The summaries in the order of the table. Numbers have seven significant digits; what is
        unknown or not finite is null.

    Raises:
        ValueError: if the arrays of a trajectory do not fit together, or the numbers of ids and
            labels differ.
    """
    yield _json_summary(MEMBERS_TAG, [_member(member, legends or {}) for member in members])
    yield _json_summary(DISPERSION_TAG, _all_dispersions(dispersion, dispersions))
    for matrix, points in zip(matrices, coordinates, strict=True):
        yield _json_summary(
            _tag(MATRIX_TAG, matrix.layer, matrix.measure),
            {
                "layer": matrix.layer,
                "measure": matrix.measure,
                "members": list(matrix.members),
                "values": _nested(matrix.values),
                "distances": _nested(matrix.distances),
                "coordinates": _nested(points[:, :2]),
            },
        )
    for trajectory in trajectories:
        tag = _tag(TRAJECTORY_TAG, trajectory.layer, trajectory.measure)
        yield _json_summary(tag, _trajectory(trajectory))
    if pictures is not None:
        yield _json_summary(PICTURES_TAG, _pictures(pictures))
    for factor in sample_factors:
        yield _json_summary(
            f"{SAMPLE_FACTORS_TAG}/{factor.layer}/{factor.member}", _sample_factor(factor)
        )


def _tag(kind: str, layer: str, measure: str) -> str:
    return f"{kind}/{layer}/{measure_in_a_name(measure)}"


def _member(member: MemberRecord, legends: Mapping[str, str]) -> dict[str, object]:
    return {
        "name": member.name,
        "family": member.family,
        "legend": legends.get(member.family, member.family),
        "schedule": member.schedule,
        "accuracy": _number(member.metrics.get("test_accuracy")),
        "train_accuracy": _number(member.metrics.get("train_accuracy")),
        "gap": _number(member.metrics.get("gap")),
        "swaps": [dict(swap) for swap in changes_of(member)],
    }


def _all_dispersions(
    by_layer: Mapping[str, Mapping[str, float]], known: Sequence[Dispersions]
) -> list[dict[str, object]]:
    layers = {dispersions.layer for dispersions in known}
    means_alone = [
        Dispersions(
            layer, "", tuple(FamilyDispersion(family, mean) for family, mean in values.items())
        )
        for layer, values in by_layer.items()
        if layer not in layers
    ]
    return [_dispersions(dispersions) for dispersions in (*known, *means_alone)]


def _dispersions(dispersions: Dispersions) -> dict[str, object]:
    return {
        "layer": dispersions.layer,
        "measure": dispersions.measure or None,
        "control": dispersions.control,
        "level": _number(dispersions.level),
        "verdict": dispersions.verdict,
        "reason": dispersions.reason,
        "effect": dispersions.effect,
        "cautions": list(dispersions.cautions),
        "pvalue": _number(dispersions.pvalue),
        "families": [
            {
                "family": family.family,
                "mean": _number(family.mean),
                "interval": _numbers(family.interval),
                "ratio": _number(family.ratio),
                "ratio_interval": _numbers(family.ratio_interval),
                "distances": {name: _number(value) for name, value in family.distances.items()},
            }
            for family in dispersions.families
        ],
    }


def _trajectory(trajectory: Trajectory) -> dict[str, object]:
    what = f"the trajectory of {trajectory.layer} under {trajectory.measure}"
    times, count = len(trajectory.epochs), len(trajectory.members)
    coordinates = np.asarray(trajectory.coordinates, dtype=float)
    if coordinates.shape != (count, times, 2):
        raise ValueError(f"{what} needs the shape {(count, times, 2)}, not {coordinates.shape}")
    if any(later <= earlier for earlier, later in pairwise(trajectory.epochs)):
        raise ValueError(f"{what}: epochs must ascend, not {list(trajectory.epochs)}")
    for family, values in trajectory.dispersion.items():
        if len(values) != times:
            raise ValueError(f"{what}: {family} has {len(values)} dispersions at {times} epochs")
    return {
        "layer": trajectory.layer,
        "measure": trajectory.measure,
        "epochs": _numbers(trajectory.epochs),
        "members": list(trajectory.members),
        "coordinates": _nested(coordinates),
        "dispersion": {family: _numbers(of) for family, of in trajectory.dispersion.items()},
        "swaps": {
            member: [
                {"epoch": _number(mark.epoch), "label": mark.label, "when": mark.when}
                for mark in marks
            ]
            for member, marks in trajectory.swaps.items()
        },
        "excluded": dict(trajectory.excluded),
        "averaged": trajectory.averaged,
    }


def _pictures(pictures: Pictures) -> dict[str, object]:
    if len(pictures.ids) != len(pictures.labels):
        raise ValueError(f"{len(pictures.ids)} ids for {len(pictures.labels)} labels of samples")
    return {
        "ids": list(pictures.ids),
        "labels": list(pictures.labels),
        "png": None if pictures.png is None else base64.b64encode(pictures.png).decode("ascii"),
        "side": pictures.side,
        "columns": pictures.columns,
        "pictured": pictures.pictured,
    }


def _sample_factor(factor: SampleFactor) -> dict[str, object]:
    samples, factors = factor.factor.shape
    data = np.ascontiguousarray(factor.factor, dtype="<f2").tobytes()
    return {
        "layer": factor.layer,
        "member": factor.member,
        "samples": samples,
        "factors": factors,
        "kept": _number(factor.kept),
        "data": base64.b64encode(data).decode("ascii"),
    }


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


def _nested(array: np.ndarray) -> list:
    """Return the array's numbers in nested lists, with None for what is not finite."""
    array = np.asarray(array, dtype=float)
    finite = np.isfinite(array)
    magnitudes = np.where(finite & (array != 0), np.abs(array), 1.0)
    # Formatting hundreds of thousands of numbers individually takes seconds.
    places = np.clip(_DIGITS - 1 - np.floor(np.log10(magnitudes)).astype(int), -_MOST, _MOST)
    # Negative powers are not exact in binary: their quotients would have sixteen digits.
    up, down = _POWERS_OF_TEN[np.maximum(places, 0)], _POWERS_OF_TEN[np.maximum(-places, 0)]
    rounded = np.round(np.where(finite, array, 0.0) * up / down) / up * down
    return (rounded if finite.all() else np.where(finite, rounded, None)).tolist()


def _numbers(values: Sequence[float | None] | None) -> list[float | None] | None:
    return None if values is None else [_number(value) for value in values]


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}")
