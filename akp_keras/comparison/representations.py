"""Representations taken from SavedModels and kept on disk, one file per member and layer."""

from __future__ import annotations

import contextlib
import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed, wait
from pathlib import Path
from typing import IO

import numpy as np

from akp_keras.comparison.probe_inputs import ProbeInputs
from akp_keras.export.saved_model import (
    REPRESENTATIONS_SIGNATURE,
    iterate_representations,
)
from akp_keras.failures import named_file
from akp_keras.files.below import content_digest
from akp_keras.files.names import file_name
from akp_keras.files.whole import UNFINISHED, read_json, whole_file, write_json
from akp_keras.numpy_files import UNREADABLE
from akp_keras.tensorflow_runtime import configure_tensorflow

# No member's folder begins with a dot.
_INPUTS = ".inputs"
_NAMES = "names.json"
# Says of which model the representations beside it are, and what their bytes are.
_TAKEN = "taken.json"


def take_representations(
    saved_models: Mapping[str, Path],
    inputs: np.ndarray | Mapping[str, np.ndarray],
    folder: str | Path,
    *,
    executor: Executor,
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    trust: Sequence[str] = (),
    done: Callable[[str], None] = lambda name: None,
) -> tuple[str, ...]:
    """Compute the representations of the probe set by every SavedModel, one task per model.

    A task loads a model, calls it and releases it, and writes its outputs to disk batch by batch:
    memory holds one model and one batch per running task.

    Args:
        saved_models: member name -> folder of its SavedModel.
        inputs: (n, …) samples of the probe set, or input name -> (n, …) samples.
        folder: where the representations are written, at `representation_path`; for an executor
            on other machines, a folder to which all of them have access. Representations already
            there of the same SavedModel are kept; a folder belongs to one probe set.
        executor: runs the tasks.
        layers: names of the outputs to write; by default all outputs of the first model.
        signature: the signature to call.
        trust: names of operations that SavedModels may have although they write or read files or
            call out.
        done: called with a member's name when its representations are on disk.

    Returns:
        The layers, from input to output.

    Raises:
        ValueError: in one line that names the SavedModel, if it cannot be called, or its layers
            are not those of the first.
    """
    folder = Path(folder).absolute()
    _write_inputs(folder / _INPUTS, inputs)
    tasks = {
        executor.submit(
            _represent,
            str(Path(path).absolute()),
            str(folder),
            name,
            None if layers is None else tuple(layers),
            signature,
            trust,
        ): name
        for name, path in saved_models.items()
    }
    layers_of = {}
    try:
        for task in as_completed(tasks):
            layers_of[tasks[task]] = task.result()
            done(tasks[task])
    finally:
        # Running tasks cannot be cancelled, and would write to a folder that is removed.
        wait([task for task in tasks if not task.cancel()])
    first, *others = saved_models
    for other in others:
        if layers_of[other] != layers_of[first]:
            raise ValueError(
                f"SavedModel {saved_models[other]} has the layers {', '.join(layers_of[other])}, "
                f"and {saved_models[first]} has {', '.join(layers_of[first])}; name layers that "
                "all models have"
            )
    return layers_of[first]


def kept_folder(kept: str | Path, probe: ProbeInputs) -> Path:
    """Return the folder of a probe set among the kept ones."""
    return Path(kept) / probe.digest()[:16]


@contextlib.contextmanager
def representations_folder(kept: Path | None, probe: ProbeInputs, beside: Path) -> Iterator[Path]:
    """Yield the folder of the representations of a probe set.

    Args:
        kept: where they are kept, in one folder per probe set; None for a temporary folder.
        probe: the probe set.
        beside: a folder for the temporary folder, which is removed at the end.
    """
    if kept is not None:
        yield kept_folder(kept, probe)
        return
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".representations.", suffix=UNFINISHED, dir=beside
    ) as folder:
        yield Path(folder)


def representation_path(folder: str | Path, member: str, layer: str) -> Path:
    """Return the file of a member's representation at a layer, an (n, …) array."""
    return Path(folder) / file_name(member) / f"{file_name(layer)}.npy"


def _write_inputs(folder: Path, inputs: np.ndarray | Mapping[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = inputs if isinstance(inputs, Mapping) else {"inputs": inputs}
    for name, array in arrays.items():
        with whole_file(folder / f"{file_name(name)}.npy") as unfinished:
            np.save(unfinished, array, allow_pickle=False)
    write_json(folder / _NAMES, {name: file_name(name) for name in arrays})


def _read_inputs(folder: Path) -> dict[str, np.ndarray]:
    names = read_json(folder / _NAMES)
    return {
        name: np.load(folder / f"{file}.npy", mmap_mode="r", allow_pickle=False)
        for name, file in names.items()
    }


def _represent(
    saved_model: str,
    folder: str,
    member: str,
    layers: tuple[str, ...] | None,
    signature: str,
    trust: Sequence[str],
) -> tuple[str, ...]:
    marker = Path(folder) / file_name(member) / _TAKEN
    asked = {
        "saved_model": content_digest(Path(saved_model)),
        "signature": signature,
        "layers": None if layers is None else list(layers),
    }
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        taken = read_json(marker)
        whole = not _damaged(marker.parent)
        if whole and taken["asked"] == asked:
            return tuple(taken["layers"])
        # Some of the layers, if all are on disk.
        if (
            whole
            and taken["asked"] == asked | {"layers": None}
            and set(layers) <= set(taken["layers"])
        ):
            return tuple(layers)
    configure_tensorflow()
    marker.parent.mkdir(parents=True, exist_ok=True)
    failure = None
    try:
        answers = iterate_representations(
            saved_model,
            _read_inputs(Path(folder) / _INPUTS),
            layers=layers,
            signature=signature,
            trust=trust,
        )
        with named_file(marker.parent):
            answered = _stream(answers, folder, member)
    except ValueError as error:
        # Without TensorFlow's exception as its cause: unpickling that would import TensorFlow.
        failure = str(error)
    finally:
        # A loaded SavedModel holds reference cycles, which stay until they are collected.
        gc.collect()
    if failure is not None:
        raise ValueError(failure)
    files = [representation_path(folder, member, layer) for layer in answered]
    digests = {file.name: content_digest(file) for file in files}
    write_json(marker, {"asked": asked, "layers": answered, "files": digests})
    return answered


def damaged_representations(kept: Path) -> list[Path]:
    """Return the files below a folder of kept representations that are not as they were written.

    Args:
        kept: the folder, with one folder per probe set in it (`kept_folder`); it may be missing.
    """
    damaged = []
    for probe in sorted(kept.glob("*")):
        damaged += [file for member in probe.glob("[!.]*") for file in _damaged(member)]
        try:
            if kept_folder(kept, ProbeInputs(_read_inputs(probe / _INPUTS))) != probe:
                damaged.append(probe / _INPUTS)
        except UNREADABLE:
            damaged.append(probe / _INPUTS)
    return damaged


def _damaged(folder: Path) -> list[Path]:
    marker = folder / _TAKEN
    try:
        digests = read_json(marker)["files"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        return [marker]
    return [
        folder / name
        for name, digest in digests
        if not (folder / name).is_file() or content_digest(folder / name) != digest
    ]


def _stream(answers: Iterator[dict[str, np.ndarray]], folder: str, member: str) -> tuple[str, ...]:
    samples = len(next(iter(_read_inputs(Path(folder) / _INPUTS).values())))
    with contextlib.ExitStack() as files:
        opened: dict[str, IO[bytes]] = {}
        for batch in answers:
            for layer, values in batch.items():
                if values.dtype.kind == "V":
                    # NumPy's files cannot hold bfloat16; float32 represents all of its values.
                    values = values.astype(np.float32)
                if layer not in opened:
                    path = representation_path(folder, member, layer)
                    opened[layer] = files.enter_context(path.open("wb"))
                    _write_header(opened[layer], values, samples)
                opened[layer].write(np.ascontiguousarray(values).tobytes())
        return tuple(opened)


def _write_header(file: IO[bytes], values: np.ndarray, samples: int) -> None:
    np.lib.format.write_array_header_1_0(
        file,
        {
            "descr": np.lib.format.dtype_to_descr(values.dtype),
            "fortran_order": False,
            "shape": (samples, *values.shape[1:]),
        },
    )
