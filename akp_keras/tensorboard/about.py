"""The text `about` of a log directory: what it shows, how exactly, and what it omits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from akp_keras.comparison.trajectories import Trajectories
from akp_keras.tensorboard.coordinates import DistanceMap
from akp_keras.tensorboard.layers_map import LAYERS_SPATIAL_POLICY

MODELS = (
    "Projector, run `00_models`: every point is one trained network, and distances between "
    "points are distances between representations. Click a bookmark (lower right corner) "
    "to colour the points by family. The six black points `scale …` keep the three axes "
    "in proportion. Set the neighbours' distance to EUCLIDEAN for the true distances; "
    "UMAP and t-SNE use angles instead, which have no meaning here."
)
SAMPLES = (
    "Projector, runs `members/…`: every point is one probe sample as that network "
    "represents it. Each network has its own axes: these maps do not compare networks."
)


def exactness(maps: Mapping[str, DistanceMap]) -> str:
    """Return a table of how well each map shows its distances."""
    lines = [
        "| tensor | largest error of a distance, all columns | stress of the three axes on the "
        "screen (0 is exact) |",
        "|---|---|---|",
    ]
    lines += [
        f"| {name} | {scaled.largest_error:.1e} | {scaled.three_axes_stress:.3f} |"
        for name, scaled in maps.items()
    ]
    return "\n".join(lines)


def layers_text(run: str, why_not: str, left_out: Mapping[str, str]) -> str:
    """Describe the run of layers, or say why there is none.

    Args:
        run: name of the run.
        why_not: why the run does not exist; empty if it exists.
        left_out: member that the run omits -> reason.
    """
    if why_not:
        return f"There is no run `{run}`: {why_not}."
    return (
        f"Projector, run `{run}`: every point is one layer of one network, lines lead from "
        f"input to output. Positions are averaged ({LAYERS_SPATIAL_POLICY})."
        + "".join(f" Without {name}: {reason}." for name, reason in left_out.items())
    )


def families_text(trajectories: Sequence[Trajectories], legends: Mapping[str, str]) -> str:
    """Describe the families' runs of the projector, and which families have none."""
    text = "Projector, runs `families/…`: a map per family of its networks."
    if trajectories:
        text = (
            "Projector, runs `families/…`: a map per family, every point one network "
            "after one epoch, lines lead through training."
        )
    common = dict.fromkeys(legend for family, legend in legends.items() if legend != family)
    if common:
        text += (
            f" Families of one or two members have none, and are shown by their kind of stress: "
            f"{', '.join(common)}."
        )
    return text


def training_text(
    run: str, trajectories: Sequence[Trajectories], not_followed: Mapping[str, str]
) -> str:
    """Describe the run of training, its exactness and omitted layers; empty without snapshots."""
    missing = [
        f"{layer} is not followed through training: {reason}."
        for layer, reason in not_followed.items()
    ]
    if not trajectories:
        return "\n\n".join(missing)
    epochs = ", ".join(map(str, trajectories[0].epochs))
    lines = [
        f"Projector, run `{run}`: every point is one network after one epoch ({epochs}; counted "
        "from 0), lines lead through training; three axes. Layers with positions are averaged "
        "over them, in these maps and in the charts `dispersion/…` by epoch: for such layers the "
        "last epoch differs from what was tested, which `dispersion_through_layers` and the page "
        "Families show.",
    ]
    for followed in trajectories:
        if followed.is_aligned:
            lines.append(
                f"{followed.layer} has too many points for one map: each epoch has its own map, "
                "rotated onto that of the next epoch, so distances between points of different "
                "epochs mean little."
            )
        if followed.excluded:
            reasons = "; ".join(f"{name} {reason}" for name, reason in followed.excluded.items())
            lines.append(f"At {followed.layer} these are left out: {reasons}.")
    return "\n\n".join([*lines, *missing])


def further_text(most_runs: int, further: Mapping[str, Sequence[str]]) -> str:
    """Say where the members without a run here are shown; empty if there are none.

    Args:
        most_runs: number of runs that TensorBoard shows at once.
        further: further log directory -> names of the members that it holds.

    Returns:
        The text, with the command that opens each directory.
    """
    if not further:
        return ""
    count = sum(len(names) for names in further.values())
    lines = [
        f"{count} members have no run of their own here: TensorBoard shows at most "
        f"{most_runs} runs at once. All of them are points of `00_models`. Their training curves "
        "and swaps are in further log directories beside this one:",
        "",
        "| log directory | members | open it with |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{folder}` | {len(names)}: {names[0]} to {names[-1]} | "
        f"`tensorboard --logdir …/{folder}` |"
        for folder, names in further.items()
    ]
    return "\n".join(lines)
