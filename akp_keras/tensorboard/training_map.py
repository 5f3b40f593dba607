"""Points that are networks at epochs: the trajectories of members through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.comparison.trajectories import Trajectories
from akp_keras.export.member_record import MemberRecord, family_of
from akp_keras.tensorboard.coordinates import classical_scaling
from akp_keras.tensorboard.embeddings import NEXT_POINT_COLUMN, Embedding
from akp_keras.tensorboard.models_map import (
    accuracy_class,
    legend_column,
    members_metadata,
    with_anchors,
)
from akp_keras.tensorboard.names import measure_in_a_name


def map_of_training(
    trajectories: Trajectories,
    records: Mapping[str, MemberRecord],
    legends: Mapping[str, str] | None = None,
) -> Embedding:
    """Map all members at the epochs of their snapshots, with a line through each member's epochs.

    Args:
        trajectories: the members' trajectories at a layer, in a common map.
        records: name -> member, for every member.
        legends: family -> its name in legends.

    Returns:
        The embedding, one point per member and epoch, grouped by member.
    """
    points = trajectories.coordinates.reshape(-1, trajectories.coordinates.shape[-1])
    return with_anchors(
        _tensor(trajectories.layer, trajectories.measure),
        points - points.mean(axis=0),
        _metadata(trajectories.members, trajectories.epochs, records, legends or {}),
    )


def map_of_family(
    family: str, trajectories: Trajectories, records: Mapping[str, MemberRecord]
) -> Embedding | None:
    """Map a family's members over the epochs of their snapshots.

    Args:
        family: name of the family.
        trajectories: the members' trajectories at a layer.
        records: name -> member, for every member.

    Returns:
        The embedding, whose points have the measure's distances. None for a family without members
        there.
    """
    if family not in trajectories.within or len(trajectories.within[family]) < 2:
        return None
    members = [name for name in trajectories.members if family_of(name) == family]
    return with_anchors(
        _tensor(trajectories.layer, trajectories.measure),
        classical_scaling(trajectories.within[family]).coordinates,
        _metadata(members, trajectories.epochs, records, {}),
    )


def map_of_family_members(
    family: str, matrix: SimilarityMatrix, records: Mapping[str, MemberRecord]
) -> Embedding | None:
    """Map a family's trained members.

    Args:
        family: name of the family.
        matrix: distances of all members at a layer.
        records: name -> member, for every member.

    Returns:
        The embedding; None for a family with fewer than two members there.
    """
    rows = [row for row, name in enumerate(matrix.members) if family_of(name) == family]
    if len(rows) < 2:
        return None
    metadata = members_metadata([records[matrix.members[row]] for row in rows])
    return with_anchors(
        _tensor(matrix.layer, matrix.measure),
        classical_scaling(matrix.distances[np.ix_(rows, rows)]).coordinates,
        metadata,
    )


def _tensor(layer: str, measure: str) -> str:
    return f"{layer}/{measure_in_a_name(measure)}"


def _metadata(
    members: Sequence[str],
    epochs: Sequence[int],
    records: Mapping[str, MemberRecord],
    legends: Mapping[str, str],
) -> Mapping[str, list[str]]:
    places = [(name, moment) for name in members for moment in range(len(epochs))]
    finals = members_metadata([records[name] for name in members])
    of_member = {column: dict(zip(members, cells, strict=True)) for column, cells in finals.items()}
    validation = [_validation_accuracy(records[name], epochs[moment]) for name, moment in places]
    return {
        "name": [f"{name} epoch {epochs[moment]}" for name, moment in places],
        "family": [family_of(name) for name, _ in places],
        **legend_column([family_of(name) for name, _ in places], legends),
        "member": [name for name, _ in places],
        "epoch": [f"epoch {epochs[moment]}" for _, moment in places],
        "accuracy_class": [accuracy_class(value) for value in validation],
        "validation_accuracy": ["" if np.isnan(value) else f"{value:.4f}" for value in validation],
        "test_accuracy": [of_member["test_accuracy"][name] for name, _ in places],
        NEXT_POINT_COLUMN: [
            str(row + 1) if moment < len(epochs) - 1 else ""
            for row, (_, moment) in enumerate(places)
        ],
    }


def _validation_accuracy(member: MemberRecord, epoch: int) -> float:
    curve = member.history.get("val_accuracy", ())
    return float(curve[epoch]) if epoch < len(curve) else float("nan")
