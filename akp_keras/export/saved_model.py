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

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akp_keras.export.signature import Inputs, Signature
from akp_keras.files.whole import read_json, write_json
from akp_keras.hints import hint

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
        raise ValueError(f"{path} already exists; choose another folder or remove it")
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
    write_json(
        unfinished / DESCRIPTION_FILE,
        {"format_version": FORMAT_VERSION, **description, "layers": list(layers)},
        sort_keys=True,
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
    """Read `assets.extra/akp.json` of a SavedModel; do not load the model.

    Raises:
        ValueError: if the file is missing or damaged, or its format is newer than this code.
    """
    file = Path(path) / DESCRIPTION_FILE
    try:
        description = read_json(file)
        version = description["format_version"]
    except (KeyError, TypeError, ValueError) as error:
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
    trust: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Ask a SavedModel for its representations of the given samples.

    Args:
        path: folder of a SavedModel, whoever exported it.
        inputs: (n, …) samples as the data set gives them, or input name -> (n, …) samples where
            the signature takes several tensors; cast to the signature's dtypes.
        layers: names of the outputs wanted; by default all of the signature, in the order of
            `assets.extra/akp.json` if there is one, else in natural order.
        signature: name of the signature to call.
        batch_size: samples a call, unless the signature has a batch size of its own.
        trust: names of operations that the SavedModel may have although they write or read files
            or call out (`akp_keras.export.operations`).

    Returns:
        A dict from layer name to an (n, …) array in the dtype of the SavedModel.

    Raises:
        ValueError: in one line that names the SavedModel, if it is missing or damaged, has no
            such signature or output, does not take such samples, changes the batch size, answers
            with anything but real numbers, or has an unsafe operation that is not trusted.
    """
    batches: dict[str, list[np.ndarray]] = {}
    for batch in iterate_representations(
        path, inputs, layers=layers, signature=signature, batch_size=batch_size, trust=trust
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
    trust: Sequence[str] = (),
) -> Iterator[dict[str, np.ndarray]]:
    """Yield as `load_representations` does, one batch after the other, and keep none.

    Yields:
        A dict from layer name to the (samples of the batch, …) array.

    Raises:
        ValueError: as `load_representations`.
    """
    asked = Signature(path, signature, trust=trust)
    outputs = _choose_outputs(asked, layers)
    yield from asked.answers(inputs, outputs, batch_size)


def _choose_outputs(asked: Signature, layers: Sequence[str] | None) -> list[str]:
    if layers is None:
        if not (asked.path / DESCRIPTION_FILE).is_file():
            return list(asked.outputs)
        order = read_description(asked.path)["layers"]
        return [name for name in order if name in asked.outputs] or list(asked.outputs)
    for name in layers:
        if name not in asked.outputs:
            raise ValueError(
                f"signature {asked.name!r} of SavedModel {asked.path} has no output {name!r}; "
                f"{hint(name, asked.outputs, most=100)}"
            )
    return list(layers)
