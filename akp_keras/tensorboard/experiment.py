"""The layout of an experiment's log directory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.text.summary_v2 import text_pb

from akp_keras.tensorboard import about
from akp_keras.tensorboard.custom_charts import charts_layout
from akp_keras.tensorboard.embeddings import Embedding, write_embeddings
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.family_run import dispersions_by_epoch, family_summaries, of_family
from akp_keras.tensorboard.images import matrix_image
from akp_keras.tensorboard.layers_map import map_of_layers, why_not_comparable
from akp_keras.tensorboard.models_map import map_of_models, members_metadata
from akp_keras.tensorboard.names import check_name, measure_in_a_name
from akp_keras.tensorboard.page_contents import Dispersions, FamilyDispersion, SampleFactor
from akp_keras.tensorboard.page_dispersions import tested_dispersions
from akp_keras.tensorboard.page_pictures import draw_pictures
from akp_keras.tensorboard.page_trajectories import page_trajectory
from akp_keras.tensorboard.plugin_data import page_summaries
from akp_keras.tensorboard.sample_points import has_images, map_of_samples, sample_metadata
from akp_keras.tensorboard.sprites import SpriteAtlas, draw_atlas
from akp_keras.tensorboard.training_map import (
    map_of_family,
    map_of_family_members,
    map_of_training,
)
from akp_keras.tensorboard.training_run import hyperparameters_page, member_summaries
from akp_keras.tensorboard.whole_folders import remove_written, replacing

if TYPE_CHECKING:
    from akp_keras.comparison.matrix import SimilarityMatrix
    from akp_keras.comparison.trajectories import Trajectories
    from akp_keras.data.records import ProbeSet
    from akp_keras.dispersion import Outcome
    from akp_keras.export.member_record import MemberRecord

# With more runs TensorBoard opens with none of them selected, and every chart is empty.
MOST_RUNS = 40
MODELS_RUN = "00_models"
LAYERS_RUN = "01_layers"
TRAINING_RUN = "02_training"
FURTHER_RUN = "00_about"
# TensorBoard opens the run whose first event is the oldest.
MODELS_TIME, LAYERS_TIME, TRAINING_TIME, FAMILIES_TIME, MEMBERS_TIME = 1.0, 2.0, 3.0, 4.0, 5.0


def write_experiment(
    logdir: str | os.PathLike[str],
    *,
    members: Sequence[MemberRecord],
    matrices: Sequence[SimilarityMatrix],
    dispersion: Mapping[str, Mapping[str, float]],
    probe: ProbeSet,
    representations: Mapping[str, Mapping[str, np.ndarray]],
    outcomes: Mapping[tuple[str, str], Outcome] | None = None,
    trajectories: Sequence[Trajectories] = (),
    not_followed: Mapping[str, str] | None = None,
    sample_factors: Iterable[SampleFactor] = (),
) -> Path:
    """Write the log directory of a whole experiment; replace an earlier one.

    ```
    logdir/
      00_models/               the projector's first run: one point per member, one tensor
                               `<layer>/<measure>` per matrix; text `about`; hyperparameters page;
                               layout of the custom charts; images `similarity/<layer>/<measure>`
                               of the matrices; the data of the page `akp`
      01_layers/               one point per layer of the members in `representations`, joined
                               from input to output
      02_training/             with `trajectories`: one point per member and epoch, joined through
                               training, one tensor per layer
      families/<family>/       dispersion/<layer>, and dispersion_through_layers by depth, with
                               confidence limits; a map of the family's members. Of more than
                               twelve families, only those of three members or more
      members/<family>/m<seed>/  training curves, swaps, final metrics, hyperparameters; for the
                               members in `representations` their probe samples, a tensor per layer
    logdir_2/, logdir_3/, …    training curves of the members beyond the limit on runs
    ```

    There are at most 40 runs: those of all members, then the families in the order of their first
    member, then the members in `representations`, then the other members, one of each family in
    turn. Members beyond that limit are written to further log directories beside this one, 39 each,
    which TensorBoard does not open with it; the text `about` names them. All members are points of
    `00_models`. `01_layers` leaves out members with a dead or diverged layer, and `about` names
    them.

    The same arguments write the same bytes. A running TensorBoard does not notice rewritten points:
    restart it after a second call.

    Args:
        logdir: the log directory, which is written atomically.
        members: every member of the experiment; at least one.
        matrices: at least one similarity matrix.
        dispersion: layer -> family -> dispersion, layers from input to output.
        probe: the probe set. Image inputs become thumbnails.
        representations: member -> layer -> (n, …) activations on the probe set, for a few members,
            for example one of each family.
        outcomes: (layer, measure) -> outcome of the test of dispersions, for some of the matrices.
            Those of the first matrix' measure provide the confidence limits of the charts.
        trajectories: the members' trajectories at some layers, all at the same epochs.
        not_followed: layer -> why it has no trajectories although there are snapshots.
        sample_factors: factors of the Gram matrices of some members at some layers; consumed one by
            one.

    Returns:
        The log directory.

    Raises:
        ValueError: if something is missing, does not fit together, or could not be shown correctly;
            `logdir` is then unchanged.
    """
    from akp_keras.report.families import legends_of

    logdir, outcomes = Path(logdir), outcomes or {}
    records = {member.name: member for member in members}
    _check_arguments(members, records, matrices, dispersion, probe, representations)
    _check_trajectories(records, trajectories)
    control = next((outcome.control for outcome in outcomes.values()), None)
    legends = legends_of(members, control or "")
    runs_of_all = 3 if trajectories else 2
    # Families of one or two members have little to show, if there are many.
    family_runs = [family for family, legend in legends.items() if legend == family]
    family_runs = family_runs[: MOST_RUNS - runs_of_all]
    member_runs = choose_members(
        members, list(representations), MOST_RUNS - runs_of_all - len(family_runs)
    )
    further = _share_out(logdir, members, member_runs)
    samples = sample_metadata(probe)
    sprites = draw_atlas(probe.inputs) if representations and has_images(probe) else None
    measure = matrices[0].measure
    tested = {key: tested_dispersions(*key, outcome) for key, outcome in outcomes.items()}
    final = {layer: _final(layer, measure, values, tested) for layer, values in dispersion.items()}
    over_training = {
        followed.layer: dispersions_by_epoch(followed, control) for followed in trajectories
    }

    with replacing(logdir) as folder:
        maps = {}
        for matrix in matrices:
            tensor = f"{matrix.layer}/{measure_in_a_name(matrix.measure)}"
            metadata = members_metadata([records[name] for name in matrix.members], legends)
            maps[tensor] = map_of_models(tensor, matrix.distances, metadata)
        layers, no_layers, unlayered = _layers(representations, records)
        texts = (
            about.MODELS,
            about.exactness({name: scaled for name, (_, scaled) in maps.items()}),
            about.layers_text(LAYERS_RUN, no_layers, unlayered),
            about.training_text(TRAINING_RUN, trajectories, not_followed or {}),
            about.families_text(trajectories, legends),
            about.SAMPLES,
            about.further_text(
                MOST_RUNS,
                {path.name: [member.name for member in group] for path, group in further.items()},
            ),
        )
        of_layer = {matrix.layer: matrix for matrix in reversed(matrices)}
        page = page_summaries(
            members,
            matrices,
            [scaled.coordinates for _, scaled in maps.values()],
            dispersion,
            dispersions=list(tested.values()),
            trajectories=[
                page_trajectory(followed, records, of_layer.get(followed.layer))
                for followed in trajectories
            ],
            pictures=draw_pictures(probe),
            sample_factors=sample_factors,
            legends=legends,
        )
        last_epoch = _last_epoch(members)
        write_event_file(
            folder / MODELS_RUN,
            [
                (0, hyperparameters_page(members[0], list(final.values()))),
                (0, text_pb("about", "\n\n".join(text for text in texts if text))),
                (0, charts_layout(list(final), bool(trajectories))),
                *_matrix_images(legends, control, matrices, trajectories, last_epoch),
                *((0, summary) for summary in page),
            ],
            wall_time=MODELS_TIME,
        )
        write_embeddings(folder / MODELS_RUN, [embedding for embedding, _ in maps.values()])
        if layers is not None:
            write_event_file(folder / LAYERS_RUN, wall_time=LAYERS_TIME)
            write_embeddings(folder / LAYERS_RUN, [layers])
        if trajectories:
            write_event_file(folder / TRAINING_RUN, wall_time=TRAINING_TIME)
            write_embeddings(
                folder / TRAINING_RUN,
                [map_of_training(followed, records, legends) for followed in trajectories],
            )
        for family in family_runs:
            run = folder / "families" / family
            write_event_file(
                run,
                family_summaries(
                    family,
                    {
                        layer: dispersion
                        for layer, dispersions in final.items()
                        for dispersion in dispersions.families
                        if dispersion.family == family
                    },
                    {layer: of_family(family, series) for layer, series in over_training.items()},
                    last_epoch,
                ),
                wall_time=FAMILIES_TIME,
            )
            if points := _family_points(family, matrices, trajectories, records):
                write_embeddings(run, points)
        for member in member_runs:
            run = _write_member(folder, member, list(final.values()))
            if member.name in representations:
                _write_samples(run, representations[member.name], samples, sprites)
        for path, group in further.items():
            _write_further(path, logdir, group, list(final.values()))
    remove_written(_further(logdir, len(further) + 2))
    return logdir


def choose_members(
    members: Sequence[MemberRecord], first: Sequence[str], room: int
) -> list[MemberRecord]:
    """Choose members for a limited number of runs.

    Args:
        members: all members.
        first: names of the members that are chosen before the others.
        room: maximum number of members.

    Returns:
        The chosen members in the order of `members`: those in `first`, then one of each family in
        turn.
    """
    turns: dict[str, int] = {}
    ranks = {}
    for position, member in enumerate(members):
        turn = turns.setdefault(member.family, 0)
        turns[member.family] += 1
        ranks[member.name] = (member.name not in first, turn, position)
    taken = set(sorted(ranks, key=ranks.__getitem__)[: max(room, 0)])
    return [member for member in members if member.name in taken]


def _share_out(
    logdir: Path, members: Sequence[MemberRecord], with_runs: Sequence[MemberRecord]
) -> Mapping[Path, list[MemberRecord]]:
    """Return the further log directories, with the members that each holds."""
    names = {member.name for member in with_runs}
    others = [member for member in members if member.name not in names]
    room = MOST_RUNS - 1
    return {
        next(_further(logdir, 2 + start // room)): others[start : start + room]
        for start in range(0, len(others), room)
    }


def _further(logdir: Path, first: int) -> Iterator[Path]:
    number = first
    while True:
        yield logdir.absolute().with_name(f"{logdir.absolute().name}_{number}")
        number += 1


def _write_further(
    path: Path, logdir: Path, members: Sequence[MemberRecord], dispersions: Sequence[Dispersions]
) -> None:
    text = (
        f"Training curves, swaps and hyperparameters of {len(members)} members without "
        f"a run in `{logdir.name}`, which shows the whole experiment."
    )
    with replacing(path) as folder:
        write_event_file(
            folder / FURTHER_RUN,
            [(0, hyperparameters_page(members[0], dispersions)), (0, text_pb("about", text))],
            wall_time=MODELS_TIME,
        )
        for member in members:
            _write_member(folder, member, dispersions)


def _write_member(folder: Path, member: MemberRecord, dispersions: Sequence[Dispersions]) -> Path:
    run = folder / "members" / member.family / f"m{member.seed}"
    write_event_file(
        run,
        member_summaries(member, wall_time=MEMBERS_TIME, dispersions=dispersions),
        wall_time=MEMBERS_TIME,
    )
    return run


def _final(
    layer: str,
    measure: str,
    values: Mapping[str, float],
    tested: Mapping[tuple[str, str], Dispersions],
) -> Dispersions:
    if (layer, measure) in tested:
        return tested[layer, measure]
    families = tuple(FamilyDispersion(family, value) for family, value in values.items())
    return Dispersions(layer, measure, families)


def _last_epoch(members: Sequence[MemberRecord]) -> int:
    lengths = (len(values) for member in members for values in member.history.values())
    return max(max(lengths, default=0) - 1, 0)


def _matrix_images(
    legends: Mapping[str, str],
    control: str | None,
    matrices: Sequence[SimilarityMatrix],
    trajectories: Sequence[Trajectories],
    last_epoch: int,
) -> Iterator[tuple[int, Summary]]:
    from akp_keras.report.families import order_families, style_families

    families = order_families(legends, control or "", legends)
    styles = style_families(families, control or "", legends)
    for matrix in matrices:
        tag = f"similarity/{matrix.layer}/{measure_in_a_name(matrix.measure)}"
        yield last_epoch, matrix_image(tag, matrix, styles)
    for followed in trajectories:
        tag = f"similarity_by_epoch/{followed.layer}/{measure_in_a_name(followed.measure)}"
        between = followed.values[:, ~np.eye(len(followed.members), dtype=bool)]
        limits = (float(between.min()), float(between.max()))
        for moment, epoch in enumerate(followed.epochs):
            yield epoch, matrix_image(tag, followed.matrix(moment), styles, limits=limits)


def _family_points(
    family: str,
    matrices: Sequence[SimilarityMatrix],
    trajectories: Sequence[Trajectories],
    records: Mapping[str, MemberRecord],
) -> list[Embedding]:
    if trajectories:
        maps = [map_of_family(family, followed, records) for followed in trajectories]
    else:
        maps = [
            map_of_family_members(family, matrix, records)
            for matrix in matrices
            if matrix.measure == matrices[0].measure
        ]
    return [embedding for embedding in maps if embedding is not None]


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


def _check_trajectories(
    records: Mapping[str, MemberRecord], trajectories: Sequence[Trajectories]
) -> None:
    for followed in trajectories:
        check_name(followed.layer, "layer")
        unknown = [name for name in followed.members if name not in records]
        if unknown:
            raise ValueError(
                f"the trajectories of layer {followed.layer} have the member {unknown[0]!r}, which "
                "is not among the members"
            )
        if followed.epochs != trajectories[0].epochs:
            raise ValueError(
                f"the trajectories of layer {followed.layer} are of the epochs {followed.epochs}, "
                f"those of layer {trajectories[0].layer} of {trajectories[0].epochs}"
            )


def _layers(
    representations: Mapping[str, Mapping[str, np.ndarray]], records: Mapping[str, MemberRecord]
) -> tuple[Embedding | None, str, dict[str, str]]:
    """Return the map of layers or why there is none, and the members that it leaves out."""
    left_out = {
        name: reason
        for name, layers in representations.items()
        if (reason := why_not_comparable(layers))
    }
    kept = {name: layers for name, layers in representations.items() if name not in left_out}
    if sum(len(layers) for layers in kept.values()) < 2:
        reasons = "".join(f"; {name}: {reason}" for name, reason in left_out.items())
        return None, f"fewer than two layers can be compared{reasons}", left_out
    try:
        return map_of_layers(kept, {name: records[name].family for name in kept}), "", left_out
    except ValueError as error:
        # A layer that cannot be compared must not prevent everything else.
        return None, str(error), left_out


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
