"""Representations taken from SavedModels and kept on disk, one file a member and layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path

import numpy as np

from akp_keras.export.saved_model import REPRESENTATIONS_SIGNATURE, load_representations
from akp_keras.tensorflow_runtime import configure_tensorflow

_INPUTS = "inputs.npy"


def take_representations(
    saved_models: Mapping[str, Path],
    inputs: np.ndarray,
    folder: str | Path,
    *,
    executor: Executor,
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    done: Callable[[str], None] = lambda name: None,
) -> tuple[str, ...]:
    """Asks every SavedModel for its representations of the probe set, one task a model.

    A model is loaded, asked and released in its task; what it answers goes to disk, so that
    memory holds one model's representations for each task in progress.

    Args:
        saved_models: member name -> folder of its SavedModel.
        inputs: (n, …) float32 samples of the probe set.
        folder: where `<member>/<layer>.npy` are written; for an executor on other machines, a
            folder that all of them see.
        executor: where the tasks run.
        layers: names of the outputs wanted; by default all that the first model answers with.
        signature: the signature to call.
        done: called with a member's name when its representations are on disk.

    Returns:
        The layers, from input to output.

    Raises:
        ValueError: in one line that names the SavedModel, if one cannot be asked, or does not
            answer with the same layers as the first.
    """
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / _INPUTS, inputs)
    tasks = {
        executor.submit(
            _represent, str(Path(path).absolute()), str(folder), name, layers, signature
        ): name
        for name, path in saved_models.items()
    }
    answered = {}
    try:
        for task in as_completed(tasks):
            answered[tasks[task]] = task.result()
            done(tasks[task])
    finally:
        for task in tasks:
            task.cancel()
    first, *others = saved_models
    for other in others:
        if answered[other] != answered[first]:
            raise ValueError(
                f"SavedModel {saved_models[other]} answers with the layers "
                f"{', '.join(answered[other])}, {saved_models[first]} with "
                f"{', '.join(answered[first])}; name the layers that all have"
            )
    return answered[first]


def representation_path(folder: str | Path, member: str, layer: str) -> Path:
    """Names the file of one member's representation at one layer."""
    return Path(folder) / member / f"{layer.replace('/', '.')}.npy"


def _represent(
    saved_model: str,
    folder: str,
    member: str,
    layers: Sequence[str] | None,
    signature: str,
) -> tuple[str, ...]:
    configure_tensorflow()
    answers = load_representations(
        saved_model,
        np.load(Path(folder) / _INPUTS, mmap_mode="r"),
        layers=layers,
        signature=signature,
    )
    for layer, values in answers.items():
        path = representation_path(folder, member, layer)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values)
    return tuple(answers)
