"""The run of a member: training curves, swaps and hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.hparams.summary_v2 import Metric, hparams_pb
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb

from akp_keras.export.member_record import MemberRecord
from akp_keras.tensorboard.page_contents import Dispersions

FINAL_METRICS = "final"
# HotSwap's count of an epoch's swaps, which includes swaps that change nothing.
SWAPS_COLUMN = "swaps"


def member_summaries(
    member: MemberRecord,
    *,
    wall_time: float,
    dispersions: Sequence[Dispersions] = (),
) -> Iterator[tuple[int, Summary]]:
    """Yield what TensorBoard's standard pages show of a member.

    Training and validation curves are in the same run: `accuracy/train` beside
    `accuracy/validation`. `swaps/so_far` counts the changes up to each epoch, so that a swap is a
    step in a chart with the same axis as the curves; `swaps` is a table of the changes. Final
    metrics are `final/<name>` at the last epoch; among them, per layer, the dispersion of the
    member's family, `final/family_dispersion/<layer>`, and the member's distance to the family's
    centroid, `final/distance_to_centroid/<layer>`.

    Args:
        member: the member.
        wall_time: time in seconds that is shown as the beginning of its training.
        dispersions: one entry per layer.

    Yields:
        Pairs of a step, the number of an epoch from 0, and a summary.
    """
    yield 0, _hyperparameters(member, wall_time)
    yield 0, text_pb("swaps", _table_of_swaps(member))
    for name, values in member.history.items():
        if name == SWAPS_COLUMN:
            continue
        tag = (
            f"{name.removeprefix('val_')}/validation"
            if name.startswith("val_")
            else f"{name}/train"
        )
        for epoch, value in enumerate(values):
            yield epoch, scalar_pb(tag, value)
    changes = changes_of(member)
    epochs = max((len(values) for values in member.history.values()), default=0)
    for epoch in range(epochs):
        happened = sum(int(swap["epoch"]) <= epoch for swap in changes)
        yield epoch, scalar_pb("swaps/so_far", happened)
    for name, value in (*member.metrics.items(), *_of_dispersions(member, dispersions)):
        yield max(epochs - 1, 0), scalar_pb(f"{FINAL_METRICS}/{name}", value)


def changes_of(member: MemberRecord) -> list[Mapping[str, object]]:
    """Return the swaps that changed something.

    Args:
        member: a member, whose swaps begin with what is in force from the start.

    Returns:
        Its swaps, without those that change nothing.
    """
    return [swap for swap in member.swaps if swap["from"] != swap["to"]]


def hyperparameters_page(member: MemberRecord, dispersions: Sequence[Dispersions] = ()) -> Summary:
    """Return the configuration of the hyperparameters page: family, seed and schedule.

    Args:
        member: any member; its metrics become the page's metrics.
        dispersions: one entry per layer; they become metrics too.

    Returns:
        The summary, to be written into one run of the log directory.
    """
    experiment = api_pb2.Experiment(
        time_created_secs=1.0,
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=api_pb2.DATA_TYPE_STRING)
            for name in ("family", "seed", "schedule")
        ],
        metric_infos=[
            Metric(f"{FINAL_METRICS}/{name}", display_name=_displayed(name)).as_proto()
            for name in (*member.metrics, *_names_of(dispersions))
        ],
    )
    summary = Summary()
    summary.value.add(
        tag=metadata.EXPERIMENT_TAG,
        metadata=metadata.create_summary_metadata(
            plugin_data_pb2.HParamsPluginData(experiment=experiment)
        ),
        tensor=metadata.NULL_TENSOR,
    )
    return summary


def _of_dispersions(
    member: MemberRecord, dispersions: Sequence[Dispersions]
) -> Iterator[tuple[str, float]]:
    for dispersion in dispersions:
        for family in dispersion.families:
            values = (family.mean, family.distances.get(member.name))
            if family.family == member.family:
                for name, value in zip(_names_at(dispersion.layer), values, strict=True):
                    if value is not None:
                        yield name, value


def _names_of(dispersions: Sequence[Dispersions]) -> Iterator[str]:
    for dispersion in dispersions:
        of_family, of_member = _names_at(dispersion.layer)
        yield of_family
        if any(family.distances for family in dispersion.families):
            yield of_member


def _names_at(layer: str) -> tuple[str, str]:
    return f"family_dispersion/{layer}", f"distance_to_centroid/{layer}"


def _displayed(name: str) -> str:
    what, slash, layer = name.partition("/")
    return what.replace("_", " ") + (f" at {layer}" if slash else "")


def _hyperparameters(member: MemberRecord, wall_time: float) -> Summary:
    summary = hparams_pb(
        {"family": member.family, "seed": str(member.seed), "schedule": member.schedule},
        trial_id=member.name,
        start_time_secs=wall_time,
    )
    # The values are in a protobuf map, whose order in the bytes is random by default.
    plugin_data = summary.value[0].metadata.plugin_data
    parsed = plugin_data_pb2.HParamsPluginData.FromString(plugin_data.content)
    plugin_data.content = parsed.SerializeToString(deterministic=True)
    return summary


def _table_of_swaps(member: MemberRecord) -> str:
    changes = changes_of(member)
    if not changes:
        return f"`{member.name}`: nothing was swapped (`{member.schedule}`)"
    lines = [
        f"`{member.name}`: `{member.schedule}`",
        "",
        "| epoch | step | what | from | to | layers |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + [_row(swap) for swap in changes])


def _row(swap: Mapping[str, object]) -> str:
    layers = ", ".join(str(layer) for layer in swap["layers"])
    cells = (swap["epoch"], swap["step"], swap["what"], swap["from"], swap["to"], layers)
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
