"""TensorBoard's log directory of an experiment, from what the earlier stages left."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from akp_keras.comparison import SimilarityMatrix
from akp_keras.comparison.evaluation import representations_folder
from akp_keras.comparison.probe_inputs import ProbeInputs
from akp_keras.comparison.representations import representation_path
from akp_keras.comparison.trajectories import Trajectories, follow_members
from akp_keras.data import ProbeSet
from akp_keras.export import MemberRecord
from akp_keras.export.snapshots import read_snapshots
from akp_keras.files.whole import UNFINISHED
from akp_keras.steps.verdicts import Outcomes
from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.page_contents import SampleFactor
from akp_keras.tensorboard.sample_factors import sample_factor


@contextlib.contextmanager
def kept_answers(kept: Path | None, probe: ProbeInputs, beside: Path) -> Iterator[Path]:
    """Yields the folder of the representations of a probe set.

    Args:
        kept: where they are kept from one step to the next; None where nothing is.
        probe: the probe set.
        beside: where a folder is made otherwise, which is removed in the end.
    """
    if kept is not None:
        yield representations_folder(kept, probe)
        return
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".representations.", suffix=UNFINISHED, dir=beside
    ) as scratch:
        yield Path(scratch)


def write_log_directory(
    folder: str | Path,
    *,
    members: Sequence[MemberRecord],
    shown: Sequence[str],
    answers: str | Path,
    matrices: Sequence[SimilarityMatrix],
    outcomes: Outcomes,
    probe: ProbeSet,
    executor: Executor,
    trajectories: Sequence[Trajectories] = (),
    not_followed: Mapping[str, str] | None = None,
) -> None:
    """Writes the log directory of an experiment.

    Args:
        folder: the log directory; it appears whole, by rename, or not at all.
        members: every member of the experiment.
        shown: names of the members whose samples the projector shows. Of the others is kept only
            how they relate the probe samples to each other.
        answers: folder of the representations of all members, as `take_representations` fills it.
        matrices: one per layer and measure, layers from input to output; the first measure's
            dispersions are the ones shown.
        outcomes: the test's outcome for each of them.
        probe: the probe set.
        executor: where the relations of samples are computed.
        trajectories: the members' ways through training, one per layer.
        not_followed: layer -> why it has none although it has snapshots.

    Raises:
        ValueError: in one line, if something does not fit together.
    """
    layers = tuple(dict.fromkeys(matrix.layer for matrix in matrices))
    measure = matrices[0].measure
    paths = {
        member.name: {layer: representation_path(answers, member.name, layer) for layer in layers}
        for member in members
    }
    write_experiment(
        folder,
        members=members,
        matrices=matrices,
        dispersion={
            layer: {
                family: value
                for family, value in outcomes[layer, measure].dispersion.items()
                if value is not None
            }
            for layer in layers
        },
        probe=probe,
        representations={
            name: {layer: np.load(path) for layer, path in paths[name].items()} for name in shown
        },
        outcomes=outcomes,
        trajectories=trajectories,
        not_followed=not_followed or {},
        sample_factors=_sample_factors(
            {name: paths[name] for name in sorted(paths, key=lambda name: name not in shown)},
            executor,
        ),
    )


def follow_training(
    member_folders: Mapping[str, Path],
    layers: Sequence[str],
    measure: str,
    *,
    executor: Executor | None = None,
    memory_gb: float = 4.0,
) -> tuple[list[Trajectories], dict[str, str]]:
    """The ways of members through training, from the snapshots in their folders.

    Args:
        member_folders: member name -> its folder.
        layers: names of the layers, from input to output.
        measure: id of the measure.
        executor: where blocks of pairs are compared; None for this process.
        memory_gb: bound on the memory of the comparison.

    Returns:
        The trajectories of the layers that can be followed, and for each other layer the reason
        why not, such as fewer than two members that can be compared at all epochs.

    Raises:
        ValueError: if a member's snapshots are missing or damaged, or the members' are not of the
            same epochs.
    """
    followed, reasons = [], {}
    for layer in layers:
        taken = {name: read_snapshots(path, (layer,)) for name, path in member_folders.items()}
        epochs = {snapshots.epochs for snapshots in taken.values()}
        if len(epochs) != 1:
            raise ValueError("members have snapshots of different epochs, and cannot be compared")
        try:
            followed.append(
                follow_members(
                    layer,
                    measure,
                    epochs.pop(),
                    {name: found.representations[layer] for name, found in taken.items()},
                    executor=executor,
                    memory_gb=memory_gb,
                )
            )
        except ValueError as error:
            reasons[layer] = str(error)
    return followed, reasons


def _sample_factors(
    paths: Mapping[str, Mapping[str, Path]], executor: Executor
) -> Iterator[SampleFactor]:
    tasks = [executor.submit(_factors, name, of_member) for name, of_member in paths.items()]
    try:
        for task in tasks:
            yield from task.result()
    finally:
        for task in tasks:
            task.cancel()


def _factors(member: str, paths: Mapping[str, Path]) -> list[SampleFactor]:
    factors = []
    for layer, path in paths.items():
        # A dead or diverged layer relates no samples, and too many would not fit into a page.
        with contextlib.suppress(ValueError):
            factors.append(sample_factor(layer, member, np.load(path, mmap_mode="r")))
    return factors
