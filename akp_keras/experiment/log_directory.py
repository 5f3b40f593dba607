"""TensorBoard's log directory of an experiment, from what the earlier stages left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from akp_keras.comparison import SimilarityMatrix
from akp_keras.comparison.representations import representation_path, take_representations
from akp_keras.comparison.trajectories import Trajectories, follow_members
from akp_keras.data import ProbeSet
from akp_keras.experiment.verdicts import Outcomes
from akp_keras.export import MemberRecord, load_representations
from akp_keras.export.snapshots import read_snapshots
from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.page_contents import SampleFactor
from akp_keras.tensorboard.sample_factors import sample_factor
from akp_keras.tensorflow_runtime import configure_tensorflow

_INPUTS = "inputs.npy"


def write_log_directory(
    folder: str | Path,
    *,
    members: Sequence[MemberRecord],
    saved_models: Mapping[str, Path],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Outcomes,
    probe: ProbeSet,
    executor: Executor,
    others: Mapping[str, Path] | None = None,
    trajectories: Sequence[Trajectories] = (),
    not_followed: Mapping[str, str] | None = None,
    done: Callable[[str], None] = lambda name: None,
) -> None:
    """Takes the representations of members and writes the log directory.

    Args:
        folder: the log directory; it appears whole, by rename, or not at all.
        members: every member of the experiment.
        saved_models: for the members whose samples the projector shows, the SavedModel.
        matrices: one a layer and measure, layers from input to output; the first measure's
            dispersions are the ones shown.
        outcomes: the test's outcome for each of them.
        probe: the probe set.
        executor: where SavedModels are asked.
        others: SavedModels of further members, of which is kept only how they relate the probe
            samples to each other.
        trajectories: the members' ways through training, one a layer.
        not_followed: layer -> why it has none although it has snapshots.
        done: called with a member's name when its representations are taken.

    Raises:
        ValueError: in one line, if something does not fit together.
    """
    folder = Path(folder)
    layers = tuple(dict.fromkeys(matrix.layer for matrix in matrices))
    measure = matrices[0].measure
    with tempfile.TemporaryDirectory(prefix=".representations.", dir=folder.parent) as scratch:
        take_representations(
            saved_models, probe.inputs, scratch, executor=executor, layers=layers, done=done
        )
        representations = {
            name: {layer: np.load(representation_path(scratch, name, layer)) for layer in layers}
            for name in saved_models
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
            representations=representations,
            outcomes=outcomes,
            trajectories=trajectories,
            not_followed=not_followed or {},
            sample_factors=_sample_factors(
                representations, others or {}, layers, probe, Path(scratch), executor, done
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
    representations: Mapping[str, Mapping[str, np.ndarray]],
    others: Mapping[str, Path],
    layers: Sequence[str],
    probe: ProbeSet,
    scratch: Path,
    executor: Executor,
    done: Callable[[str], None],
) -> Iterator[SampleFactor]:
    np.save(scratch / _INPUTS, probe.inputs)
    tasks = {
        name: executor.submit(
            _ask_for_factors, str(Path(path).absolute()), name, layers, str(scratch / _INPUTS)
        )
        for name, path in others.items()
    }
    try:
        for name, of_member in representations.items():
            yield from _factors(name, of_member)
        for name, task in tasks.items():
            yield from task.result()
            done(name)
    finally:
        for task in tasks.values():
            task.cancel()


def _ask_for_factors(
    saved_model: str, member: str, layers: Sequence[str], inputs: str
) -> list[SampleFactor]:
    configure_tensorflow()
    answers = load_representations(
        saved_model, np.load(inputs, mmap_mode="r"), layers=tuple(layers)
    )
    return _factors(member, answers)


def _factors(member: str, representations: Mapping[str, np.ndarray]) -> list[SampleFactor]:
    found = []
    for layer, values in representations.items():
        try:
            found.append(sample_factor(layer, member, values))
        except ValueError:
            # A dead or diverged layer relates no samples, and too many would not fit into a page.
            continue
    return found
