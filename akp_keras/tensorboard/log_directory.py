"""The log directory of an experiment, from what is on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.comparison.representations import representation_path
from akp_keras.comparison.trajectories import Trajectories
from akp_keras.data.records import ProbeSet
from akp_keras.dispersion import Outcome
from akp_keras.export.member_record import MemberRecord
from akp_keras.tensorboard.experiment import write_experiment
from akp_keras.tensorboard.page_contents import SampleFactor
from akp_keras.tensorboard.sample_factors import sample_factor


def write_log_directory(
    folder: str | Path,
    *,
    members: Sequence[MemberRecord],
    shown: Sequence[str],
    answers: str | Path,
    matrices: Sequence[SimilarityMatrix],
    outcomes: Mapping[tuple[str, str], Outcome],
    probe: ProbeSet,
    executor: Executor,
    trajectories: Sequence[Trajectories] = (),
    not_followed: Mapping[str, str] | None = None,
) -> None:
    """Write the log directory of an experiment.

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
