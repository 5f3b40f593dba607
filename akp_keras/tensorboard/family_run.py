"""The run of a family: its dispersion through the layers and over training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from akp_keras.comparison.trajectories import Trajectories
from akp_keras.tensorboard.page_contents import Dispersions, FamilyDispersion
from akp_keras.tensorboard.page_dispersions import measured_dispersions

THROUGH_LAYERS = "dispersion_through_layers"


def dispersion_tag(layer: str) -> str:
    """Return the tag of a layer's chart, which has a line per family."""
    return f"dispersion/{layer}"


def band_tags(tag: str) -> tuple[str, str]:
    """Return the tags of a dispersion's confidence limits, lower and upper."""
    what, slash, layer = tag.partition("/")
    return f"{what}_lower{slash}{layer}", f"{what}_upper{slash}{layer}"


def family_summaries(
    family: str,
    final: Mapping[str, FamilyDispersion],
    by_epoch: Mapping[str, Sequence[tuple[int, FamilyDispersion]]],
    last_epoch: int,
) -> Iterator[tuple[int, Summary]]:
    """Yield a family's dispersions, with their confidence limits where they have them.

    Args:
        family: name of the family.
        final: layer -> dispersion of the trained members, layers from input to output.
        by_epoch: layer -> dispersion at some epochs, for some layers. Other layers have their
            final dispersion at the last epoch.
        last_epoch: number of the last epoch, from 0.

    Yields:
        Pairs of a step and a summary: `dispersion/<layer>` by epoch, and
        `dispersion_through_layers`, whose step is the depth of the layer from 0.
    """
    for layer, series in by_epoch.items():
        for epoch, dispersion in series:
            yield from _with_band(epoch, dispersion_tag(layer), dispersion)
    for depth, (layer, dispersion) in enumerate(final.items()):
        if layer not in by_epoch:
            yield from _with_band(last_epoch, dispersion_tag(layer), dispersion)
        yield from _with_band(depth, THROUGH_LAYERS, dispersion)


def dispersions_by_epoch(
    trajectories: Trajectories, control: str | None = None
) -> list[tuple[int, Dispersions]]:
    """Return the dispersions of all families at each epoch of their snapshots.

    Args:
        trajectories: the members' trajectories at one layer.
        control: the family to which the others are compared.

    Returns:
        Pairs of an epoch and the dispersions, in order.
    """
    return [
        (
            epoch,
            measured_dispersions(
                trajectories.layer,
                trajectories.measure,
                trajectories.members,
                distances,
                control=control,
            ),
        )
        for epoch, distances in zip(trajectories.epochs, trajectories.distances, strict=True)
    ]


def of_family(
    family: str, by_epoch: Sequence[tuple[int, Dispersions]]
) -> list[tuple[int, FamilyDispersion]]:
    """Return a family's entries of `dispersions_by_epoch`."""
    return [
        (epoch, dispersion)
        for epoch, dispersions in by_epoch
        for dispersion in dispersions.families
        if dispersion.family == family
    ]


def _with_band(step: int, tag: str, dispersion: FamilyDispersion) -> Iterator[tuple[int, Summary]]:
    if dispersion.mean is None:
        return
    yield step, scalar_pb(tag, dispersion.mean)
    if dispersion.interval is not None:
        for limit_tag, limit in zip(band_tags(tag), dispersion.interval, strict=True):
            yield step, scalar_pb(limit_tag, limit)
