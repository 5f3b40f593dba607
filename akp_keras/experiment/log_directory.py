"""TensorBoard's log directory of an experiment, from what the earlier stages left."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from akp_keras.comparison import SimilarityMatrix
from akp_keras.comparison.representations import representation_path, take_representations
from akp_keras.data import ProbeSet
from akp_keras.experiment.verdicts import Outcomes
from akp_keras.export import MemberRecord
from akp_keras.tensorboard import write_experiment


def write_log_directory(
    folder: str | Path,
    *,
    members: Sequence[MemberRecord],
    saved_models: Mapping[str, Path],
    matrices: Sequence[SimilarityMatrix],
    outcomes: Outcomes,
    probe: ProbeSet,
    executor: Executor,
    done: Callable[[str], None] = lambda name: None,
) -> None:
    """Takes the representations of a few members and writes the log directory.

    Args:
        folder: the log directory; it appears whole, by rename, or not at all.
        members: every member of the experiment.
        saved_models: for the members whose samples the projector shows, the SavedModel.
        matrices: one a layer and measure, layers from input to output; the first measure's
            dispersions are the ones shown.
        outcomes: the test's outcome for each of them.
        probe: the probe set.
        executor: where SavedModels are asked.
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
                name: {
                    layer: np.load(representation_path(scratch, name, layer)) for layer in layers
                }
                for name in saved_models
            },
        )
