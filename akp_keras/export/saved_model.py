"""A member as a SavedModel that works where akp_keras is not installed.

Signatures:
    `serving_default`: unscaled samples of the data set, float32 (n, h, w, c) or (n, d) ->
        `probabilities` (n, classes) and `logits` (n, classes), with softmax(logits) equal to
        the probabilities.
    `representations`: the same samples -> one output per tapped layer, named as the layer, before
        any spatial policy.
`assets.extra/akp.json` describes the member.
"""

from __future__ import annotations

import difflib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akp_keras.export.signature import Inputs, Signature

if TYPE_CHECKING:
    import keras

FORMAT_VERSION = 1
REPRESENTATIONS_SIGNATURE = "representations"
DESCRIPTION_FILE = Path("assets.extra") / "akp.json"


def save_member(
    path: str | Path,
    model: keras.Model,
    *,
    layers: Sequence[str],
    description: Mapping[str, object],
) -> Path:
    """Write a trained model by the SavedModel contract.

    Args:
        path: the folder to write, atomically: it appears by rename, or not at all.
        model: a built Functional model with the layers `logits` and `probabilities`; its
            activations are the plain functions in force.
        layers: names of the tapped layers, from input to output.
        description: further entries of `assets.extra/akp.json`: family, seed, swaps, metrics,
            data set; plain JSON types.

    Returns:
        The folder.

    Raises:
        ValueError: if the model lacks one of the layers, or the folder exists.
    """
    import keras

    path = Path(path)
    if path.exists():
        raise ValueError(f"{path} exists already; choose another folder or remove it")
    known = {layer.name for layer in model.layers}
    for name in (*layers, "logits", "probabilities"):
        if name not in known:
            raise ValueError(
                f"model {model.name!r} has no layer {name!r}; it has {', '.join(sorted(known))}"
            )

    taps = keras.Model(model.inputs, {name: model.get_layer(name).output for name in layers})
    answers = keras.Model(
        model.inputs,
        {name: model.get_layer(name).output for name in ("logits", "probabilities")},
    )
    samples = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="float32")]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", _one_column_per_class(answers), input_signature=samples)
    archive.add_endpoint(
        REPRESENTATIONS_SIGNATURE, lambda x: taps(x, training=False), input_signature=samples
    )

    unfinished = path.with_name(path.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    archive.write_out(str(unfinished), verbose=False)
    (unfinished / DESCRIPTION_FILE).parent.mkdir(exist_ok=True)
    (unfinished / DESCRIPTION_FILE).write_text(
        json.dumps(
            {"format_version": FORMAT_VERSION, **description, "layers": list(layers)},
            indent=1,
            sort_keys=True,
        )
        + "\n"
    )
    unfinished.rename(path)
    return path


def _one_column_per_class(answers: keras.Model) -> Callable:
    from keras import ops

    def serve(x: Any) -> dict[str, Any]:
        logits, probabilities = (
            answers(x, training=False)[name] for name in ("logits", "probabilities")
        )
        if logits.shape[-1] == 1:
            # A sigmoid unit is a softmax over (0, z): the contract has one column per class.
            logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
            probabilities = ops.concatenate([1 - probabilities, probabilities], axis=-1)
        return {"logits": logits, "probabilities": probabilities}

    return serve


def read_description(path: str | Path) -> dict[str, object]:
    """Read `assets.extra/akp.json` of a SavedModel without loading the model.

    Raises:
        ValueError: if the file is missing or damaged, or its format is newer than this code.
    """
    file = Path(path) / DESCRIPTION_FILE
    try:
        description = json.loads(file.read_text())
        version = description["format_version"]
    except (OSError, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file} is missing or damaged; export the member again") from error
    if version != FORMAT_VERSION:
        raise ValueError(f"{file} has format version {version}, this code reads {FORMAT_VERSION}")
    return description


def load_representations(
    path: str | Path,
    inputs: Inputs,
    *,
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    batch_size: int = 256,
) -> dict[str, np.ndarray]:
    """Compute a SavedModel's representations of samples.

    Args:
        path: folder of a SavedModel, whoever exported it.
        inputs: (n, …) unscaled samples, or input name -> (n, …) samples where the signature takes
            several tensors; cast to the signature's dtypes.
        layers: names of the outputs to return; by default all of the signature, in the order of
            `assets.extra/akp.json` if that exists, else in natural order.
        signature: name of the signature to call.
        batch_size: samples per call, unless the signature has a fixed batch size.

    Returns:
        A dict from layer name to an (n, …) array in the dtype of the SavedModel.

    Raises:
        ValueError: if the SavedModel is missing or damaged, lacks the signature or an output, does
            not take such samples, changes the batch size, or returns anything but real numbers.
    """
    batches: dict[str, list[np.ndarray]] = {}
    for batch in iterate_representations(
        path, inputs, layers=layers, signature=signature, batch_size=batch_size
    ):
        for name, values in batch.items():
            batches.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in batches.items()}


def iterate_representations(
    path: str | Path,
    inputs: Inputs,
    *,
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    batch_size: int = 256,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield what `load_representations` returns, batch by batch, and keep none of it.

    Yields:
        A dict from layer name to the (samples of the batch, …) array.

    Raises:
        ValueError: as `load_representations`.
    """
    loaded = Signature(path, signature)
    outputs = _choose_outputs(loaded, layers)
    yield from loaded.answers(inputs, outputs, batch_size)


def _choose_outputs(signature: Signature, layers: Sequence[str] | None) -> list[str]:
    if layers is None:
        if not (signature.path / DESCRIPTION_FILE).is_file():
            return list(signature.outputs)
        order = read_description(signature.path)["layers"]
        return [name for name in order if name in signature.outputs] or list(signature.outputs)
    for name in layers:
        if name not in signature.outputs:
            close = difflib.get_close_matches(name, signature.outputs, n=1)
            raise ValueError(
                f"signature {signature.name!r} of SavedModel {signature.path} has no output "
                f"{name!r}; it has {', '.join(signature.outputs)}"
                + (f" (did you mean {close[0]!r}?)" if close else "")
            )
    return list(layers)
