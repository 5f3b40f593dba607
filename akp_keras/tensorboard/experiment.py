"""The one layout of an experiment's log directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb

from akp_keras.tensorboard.coordinates import DistanceMap
from akp_keras.tensorboard.embeddings import Embedding, write_embeddings
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.layers_map import LAYERS_SPATIAL_POLICY, map_of_layers
from akp_keras.tensorboard.models_map import accuracy_class, map_of_models
from akp_keras.tensorboard.names import check_name, measure_in_a_name
from akp_keras.tensorboard.plugin_data import page_summaries
from akp_keras.tensorboard.sample_points import has_images, map_of_samples, sample_metadata
from akp_keras.tensorboard.sprites import SpriteAtlas, draw_atlas
from akp_keras.tensorboard.training_run import hyperparameters_page, member_summaries
from akp_keras.tensorboard.whole_folders import replacing

if TYPE_CHECKING:
    from akp_keras.comparison.matrix import SimilarityMatrix
    from akp_keras.data.records import ProbeSet
    from akp_keras.export.member_record import MemberRecord

# With more runs TensorBoard opens with none of them ticked, and every chart empty.
MOST_RUNS = 40
MODELS_RUN = "00_models"
LAYERS_RUN = "01_layers"
_RUNS_OF_ALL = 2
# TensorBoard opens the run whose first event is the oldest.
_MODELS_TIME, _LAYERS_TIME, _FAMILIES_TIME, _MEMBERS_TIME = 1.0, 2.0, 3.0, 4.0


def write_experiment(
    logdir: str | os.PathLike[str],
    *,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    dispersion: Mapping[str, Mapping[str, float]],
    probe: ProbeSet,
    representations: Mapping[str, Mapping[str, np.ndarray]],
) -> Path:
    """Writes the log directory of a whole experiment, in place of an earlier one.

    ```
    logdir/
      00_models/               the projector's first run: one point a member, one tensor
                               `<layer>/<measure>` a matrix; text `about`; hyperparameters page;
                               the data of the page `akp`
      01_layers/               one point a layer of the members in `representations`, joined
                               from input to output
      families/<family>/       dispersion/<layer>, and dispersion_through_layers by depth
      members/<family>/m<seed>/  training curves, swaps, final metrics, hyperparameters; for the
                               members in `representations` their probe samples, a tensor a layer
    ```

    There are at most 40 runs: `00_models`, `01_layers`, then the families in the order of their
    first member, then the members in `representations`, then the other members, in turn one of
    each family in the order given. The text `about` names how many members found no room; all
    of them are points of `00_models`. `01_layers` is left out, and `about` says why, where the
    similarity of two layers is not defined.

    The same arguments give the same bytes. TensorBoard does not notice rewritten points while
    it runs: restart it after a second call.

    Args:
      logdir: the log directory. It appears whole or not at all.
      members: every member of the experiment; at least one.
      matrices: at least one; each tells its members by name.
      dispersion: for each layer, from input to output, the dispersion of each family.
      probe: the probe set. Image inputs become thumbnails.
      representations: for a few members by name (one of each family is a good choice) the
        (n, …) activations of each layer on the probe set.

    Returns:
      The log directory.

    Raises:
      ValueError: if something is missing, does not fit together, or could not be shown
        rightly; `logdir` is then as it was.
    """
    records = {member.name: member for member in members}
    _check_arguments(members, records, matrices, dispersion, probe, representations)
    families = list(dict.fromkeys(member.family for member in members))
    family_runs = families[: MOST_RUNS - _RUNS_OF_ALL]
    member_runs = choose_members(
        members, list(representations), MOST_RUNS - _RUNS_OF_ALL - len(family_runs)
    )
    samples = sample_metadata(probe)
    sprites = draw_atlas(probe.inputs) if representations and has_images(probe) else None

    with replacing(logdir) as folder:
        maps = {}
        for matrix in matrices:
            tensor = f"{matrix.layer}/{measure_in_a_name(matrix.measure)}"
            metadata = models_metadata([records[name] for name in matrix.members])
            maps[tensor] = map_of_models(tensor, matrix.distances, metadata)
        layers, no_layers = _layers(representations, records)
        about = _about(maps, no_layers, len(members) - len(member_runs))
        page = page_summaries(
            members,
            matrices,
            [scaled.coordinates for _, scaled in maps.values()],
            dispersion,
        )
        write_event_file(
            folder / MODELS_RUN,
            [
                (0, hyperparameters_page(members[0])),
                (0, text_pb("about", about)),
                *((0, summary) for summary in page),
            ],
            wall_time=_MODELS_TIME,
        )
        write_embeddings(folder / MODELS_RUN, [embedding for embedding, _ in maps.values()])
        if layers is not None:
            write_event_file(folder / LAYERS_RUN, wall_time=_LAYERS_TIME)
            write_embeddings(folder / LAYERS_RUN, [layers])
        for family in family_runs:
            write_event_file(
                folder / "families" / family,
                _dispersion_summaries(family, dispersion),
                wall_time=_FAMILIES_TIME,
            )
        for member in member_runs:
            run = folder / "members" / member.family / f"m{member.seed}"
            write_event_file(
                run,
                member_summaries(member, wall_time=_MEMBERS_TIME),
                wall_time=_MEMBERS_TIME,
            )
            if member.name in representations:
                _write_samples(run, representations[member.name], samples, sprites)
    return Path(logdir)


def choose_members(
    members: Sequence[MemberRecord], first: Sequence[str], room: int
) -> list[MemberRecord]:
    """Takes members for a limited number of runs.

    Args:
      members: all of them.
      first: names of members that come before the others.
      room: how many to take at most.

    Returns:
      The members taken, in the order of `members`: those in `first`, then one of each family
      in turn.
    """
    turns: dict[str, int] = {}
    ranks = {}
    for position, member in enumerate(members):
        turn = turns.setdefault(member.family, 0)
        turns[member.family] += 1
        ranks[member.name] = (member.name not in first, turn, position)
    taken = set(sorted(ranks, key=ranks.__getitem__)[: max(room, 0)])
    return [member for member in members if member.name in taken]


def models_metadata(members: Sequence[MemberRecord]) -> Mapping[str, list[str]]:
    """What the projector says of each member.

    Args:
      members: in the order of the points.

    Returns:
      The columns `name`, `family`, `seed`, `accuracy_class` (a twentieth of the test
      accuracy's range, for colours), `test_accuracy`, `gap` and `schedule`.
    """
    accuracies = [float(member.metrics.get("test_accuracy", "nan")) for member in members]
    gaps = [float(member.metrics.get("gap", "nan")) for member in members]
    return {
        "name": [member.name for member in members],
        "family": [member.family for member in members],
        "seed": [str(member.seed) for member in members],
        "accuracy_class": [accuracy_class(accuracy) for accuracy in accuracies],
        "test_accuracy": [_number(accuracy) for accuracy in accuracies],
        "gap": [_number(gap) for gap in gaps],
        "schedule": [member.schedule for member in members],
    }


def _check_arguments(
    members: Sequence[MemberRecord],
    records: Mapping[str, MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    dispersion: Mapping[str, Mapping[str, float]],
    probe: ProbeSet,
    representations: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    if not members or not matrices:
        raise ValueError("an experiment needs at least one member and one similarity matrix")
    if len(records) < len(members):
        raise ValueError("two members have the same family and seed")
    for member in members:
        check_name(member.family, "family")
    tensors = [(matrix.layer, measure_in_a_name(matrix.measure)) for matrix in matrices]
    for layer, measure in tensors:
        if tensors.count((layer, measure)) > 1:
            raise ValueError(f"the matrix {measure} of layer {layer} is given twice")
    for matrix in matrices:
        check_name(matrix.layer, "layer")
        if not np.isfinite(matrix.values).all():
            raise ValueError(
                f"the matrix {matrix.measure} of layer {matrix.layer} holds NaN or infinity"
            )
        unknown = [name for name in matrix.members if name not in records]
        if unknown:
            raise ValueError(
                f"the matrix {matrix.measure} of layer {matrix.layer} has the member "
                f"{unknown[0]!r}, which is not among the members"
            )
        if len(matrix.members) != len(matrix.distances):
            raise ValueError(
                f"the matrix {matrix.measure} of layer {matrix.layer} has "
                f"{len(matrix.distances)} rows for {len(matrix.members)} members"
            )
    for layer, values in dispersion.items():
        check_name(layer, "layer")
        for family, value in values.items():
            if not np.isfinite(value):
                raise ValueError(f"the dispersion of {family} at {layer} is {value}")
    for name, layers in representations.items():
        if name not in records:
            raise ValueError(f"representations of {name!r}, which is not among the members")
        for layer, representation in layers.items():
            if len(representation) != len(probe.ids):
                raise ValueError(
                    f"{name}: {len(representation)} rows at {layer} for {len(probe.ids)} "
                    "probe samples"
                )


def _dispersion_summaries(
    family: str, dispersion: Mapping[str, Mapping[str, float]]
) -> Iterator[tuple[int, Summary]]:
    for depth, (layer, values) in enumerate(dispersion.items()):
        if family in values:
            yield 0, scalar_pb(f"dispersion/{layer}", values[family])
            yield depth, scalar_pb("dispersion_through_layers", values[family])


def _layers(
    representations: Mapping[str, Mapping[str, np.ndarray]], records: Mapping[str, MemberRecord]
) -> tuple[Embedding | None, str]:
    if sum(len(layers) for layers in representations.values()) < 2:
        return None, "fewer than two layers were given"
    families = {name: records[name].family for name in representations}
    try:
        return map_of_layers(representations, families), ""
    except ValueError as error:
        # One dead layer must not take away all the rest, whose own distances are given.
        return None, str(error)


def _write_samples(
    run_folder: Path,
    layers: Mapping[str, np.ndarray],
    metadata: Mapping[str, list[str]],
    sprites: SpriteAtlas | None,
) -> None:
    embeddings = [
        map_of_samples(layer, representation, metadata) for layer, representation in layers.items()
    ]
    if embeddings:
        write_embeddings(run_folder, embeddings, sprites)


def _about(
    maps: Mapping[str, tuple[Embedding, DistanceMap]], no_layers: str, without_run: int
) -> str:
    lines = [
        "Projector, run `00_models`: every point is one trained network, and distances between "
        "points are distances between representations. Click a bookmark (lower right corner) "
        "to colour the points by family. The six black points `scale …` keep the three axes "
        "in proportion. Set the neighbours' distance to EUCLIDEAN for the true distances; "
        "UMAP and t-SNE take angles instead, which mean nothing here.",
        "",
        "| tensor | largest error of a distance, all columns | stress of the three axes on the "
        "screen (0 is exact) |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {scaled.largest_error:.1e} | {scaled.three_axes_stress:.3f} |"
        for name, (_, scaled) in maps.items()
    ]
    lines += [
        "",
        f"Projector, run `{LAYERS_RUN}`: every point is one layer of one network, lines lead from "
        f"input to output. Positions are averaged ({LAYERS_SPATIAL_POLICY})."
        if not no_layers
        else f"There is no run `{LAYERS_RUN}`: {no_layers}.",
        "",
        "Projector, runs `members/…`: every point is one probe sample as that network "
        "represents it. Each network has its own axes, so these do not compare networks.",
    ]
    if without_run:
        lines += [
            "",
            f"{without_run} members have no run of their own here: TensorBoard shows no more "
            f"than {MOST_RUNS} runs at once. All of them are points of `00_models`.",
        ]
    return "\n".join(lines)


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"
