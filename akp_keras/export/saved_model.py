"""A member as a SavedModel that works where akp_keras is not installed.

Signatures:
    `serving_default`: samples as the data set gives them, float32 (n, h, w, c) or (n, d) ->
        `probabilities` (n, classes) and `logits` (n, classes), with softmax(logits) equal to
        the probabilities.
    `representations`: the same samples -> one output a tapped layer, named as the layer, before
        any spatial policy.
Beside them, `assets.extra/akp.json` says whose weights these are.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
    """Writes a trained model by the SavedModel contract.

    Args:
        path: the folder to write; it appears whole, by rename, or not at all.
        model: a built Functional model with the layers `logits` and `probabilities`; its
            activations are the plain functions in force.
        layers: names of the tapped layers, from input to output.
        description: what else `assets.extra/akp.json` says: family, seed, swaps, metrics, data
            set; plain JSON types.

    Returns:
        The folder.

    Raises:
        ValueError: if the model has no layer of a name, or the folder exists.
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
    archive.add_endpoint("serving_default", _one_column_a_class(answers), input_signature=samples)
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


def _one_column_a_class(answers: keras.Model) -> Callable:
    from keras import ops

    def serve(x: Any) -> dict[str, Any]:
        logits, probabilities = (
            answers(x, training=False)[name] for name in ("logits", "probabilities")
        )
        if logits.shape[-1] == 1:
            # A sigmoid unit is a softmax over (0, z): the contract has one column a class.
            logits = ops.concatenate([ops.zeros_like(logits), logits], axis=-1)
            probabilities = ops.concatenate([1 - probabilities, probabilities], axis=-1)
        return {"logits": logits, "probabilities": probabilities}

    return serve


def read_description(path: str | Path) -> dict[str, object]:
    """Reads `assets.extra/akp.json` of a SavedModel; does not load the model.

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
    inputs: np.ndarray,
    *,
    layers: Sequence[str] | None = None,
    signature: str = REPRESENTATIONS_SIGNATURE,
    batch_size: int = 256,
) -> dict[str, np.ndarray]:
    """Asks a SavedModel for its representations of the given samples.

    Args:
        path: folder of a SavedModel, whoever exported it.
        inputs: (n, …) samples as the data set gives them; cast to the signature's dtype.
        layers: names of the outputs wanted; by default all of the signature, in the order of
            `assets.extra/akp.json` if there is one, else sorted.
        signature: name of the signature to call; it takes one tensor.
        batch_size: samples a call.

    Returns:
        A dict from layer name to an (n, …) array in the dtype of the SavedModel.

    Raises:
        ValueError: in one line that names the SavedModel, if it is missing or damaged, has no
            such signature or output, does not take such samples, or changes the batch size.
    """
    import tensorflow as tf

    path = Path(path)
    if not (path / "saved_model.pb").is_file():
        raise ValueError(f"{path} is no SavedModel: it has no saved_model.pb")
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:  # TensorFlow raises anything from OSError to KeyError here.
        raise ValueError(
            f"SavedModel {path} is damaged and cannot be loaded ({_first_line(error)}); "
            "remove its member's folder and run again, or export it again"
        ) from error
    if signature not in loaded.signatures:
        raise ValueError(
            f"SavedModel {path} has no signature {signature!r}; "
            f"it has {', '.join(sorted(loaded.signatures)) or 'none'}"
        )
    function = loaded.signatures[signature]
    keywords = function.structured_input_signature[1]
    if len(keywords) != 1:
        raise ValueError(
            f"signature {signature!r} of SavedModel {path} takes {len(keywords)} tensors "
            f"({', '.join(sorted(keywords))}); one is needed"
        )
    outputs = _choose_outputs(path, signature, sorted(function.structured_outputs), layers)
    ((keyword, specification),) = keywords.items()
    if not specification.shape.is_compatible_with((None, *inputs.shape[1:])):
        raise ValueError(
            f"SavedModel {path} takes samples of shape {tuple(specification.shape[1:])}, "
            f"the probe set's are {inputs.shape[1:]}"
        )

    batches: dict[str, list[np.ndarray]] = {name: [] for name in outputs}
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start : start + batch_size]
        try:
            answers = function(**{keyword: tf.cast(batch, specification.dtype)})
        except tf.errors.OpError as error:
            raise ValueError(
                f"SavedModel {path} fails on the probe set: {_first_line(error)}"
            ) from error
        for name in outputs:
            answer = answers[name].numpy()
            if answer.ndim < 2 or len(answer) != len(batch):
                raise ValueError(
                    f"output {name!r} of SavedModel {path} has shape {answer.shape} for a batch "
                    f"of {len(batch)} samples; its first axis must be the batch"
                )
            batches[name].append(answer)
    return {name: np.concatenate(parts) for name, parts in batches.items()}


def _choose_outputs(
    path: Path, signature: str, available: list[str], layers: Sequence[str] | None
) -> list[str]:
    if layers is None:
        if not (path / DESCRIPTION_FILE).is_file():
            return available
        order = read_description(path)["layers"]
        return [name for name in order if name in available] or available
    for name in layers:
        if name not in available:
            raise ValueError(
                f"signature {signature!r} of SavedModel {path} has no output {name!r}; "
                f"it has {', '.join(available)}"
            )
    return list(layers)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
