"""`<module>:<function>`: data that a function of the user returns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from akp_keras.data.records import DataSet
from akp_keras.data.samples import Samples, samples_of_arrays
from akp_keras.data.splitting import make_dataset
from akp_keras.files.below import content_digest
from akp_keras.own_code import call_function, describe_error, source_file

_SPLITS = ("train", "validation", "test")
_RIGHT = (
    "a DataSet, (inputs, labels), ((x_train, y_train), (x_test, y_test)), a dict of arrays, a "
    "tf.data.Dataset or a keras.utils.PyDataset of (inputs, labels) batches"
)


def load(name: str, *, data_dir: str | Path | None, seed: int, max_samples: int | None) -> DataSet:
    """Call the function, without arguments; arguments as in `akp_keras.data.load_dataset`.

    Each worker calls the function, so it must return the same samples each time. To this end,
    `keras.utils.set_random_seed` is called before.
    """
    import keras

    keras.utils.set_random_seed(seed)
    answer = call_function(name, {})
    try:
        parts, class_names, description = _read(answer)
    except ValueError as error:
        raise ValueError(f"what {name} returns cannot be used: {error}") from error
    count = sum(len(np.atleast_1d(samples.labels)) for samples in parts.values())
    return make_dataset(
        name,
        description or f"{count:,} samples of the function {name}.",
        parts,
        class_names=class_names,
        seed=seed,
        max_samples=max_samples,
    )


def fingerprint(name: str) -> str | None:
    """Return a digest of the source of the function's module."""
    file = source_file(name)
    return None if file is None else content_digest(file)


def _read(answer: Any) -> tuple[Mapping[str, Samples], tuple[str, ...] | None, str]:
    if isinstance(answer, DataSet):
        splits = {split: getattr(answer, split) for split in _SPLITS}
        parts = {
            name: Samples(split.inputs, split.labels, split.ids) for name, split in splits.items()
        }
        return parts, answer.class_names, answer.description
    if isinstance(answer, Mapping):
        return *samples_of_arrays(answer), ""
    batches = _batches(answer)
    if batches is not None:
        return {"train": _joined(batches)}, None, ""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise ValueError(f"it is {_described(answer)}; return {_RIGHT}")
    if all(isinstance(part, tuple) and len(part) == 2 for part in answer):
        train, test = (Samples(*pair) for pair in answer)
        return {"train": train, "test": test}, None, ""
    return {"train": Samples(*answer)}, None, ""


def _batches(answer: Any) -> Iterable[Any] | None:
    """Return the batches of a data set of TensorFlow or Keras; None for anything else."""
    # Who returns one has imported its package.
    tensorflow, keras = sys.modules.get("tensorflow"), sys.modules.get("keras")
    if tensorflow and isinstance(answer, tensorflow.data.Dataset):
        if answer.cardinality() == tensorflow.data.INFINITE_CARDINALITY:
            raise ValueError("it is a tf.data.Dataset without end; leave out repeat()")
        return answer.as_numpy_iterator()
    if keras and isinstance(answer, keras.utils.PyDataset):
        if answer.num_batches is None:
            raise ValueError("it is a keras.utils.PyDataset without end; give it a length")
        return (answer[number] for number in range(answer.num_batches))
    return None


def _joined(batches: Iterable[Any]) -> Samples:
    inputs, labels = [], []
    try:
        for batch in batches:
            if not isinstance(batch, tuple | list) or len(batch) != 2:
                raise ValueError(f"an element is {_described(batch)}, not (inputs, labels)")
            inputs.append(np.asarray(batch[0]))
            labels.append(np.asarray(batch[1]))
            if labels[-1].ndim == 0:
                raise ValueError("its elements are single samples; add .batch(256)")
    except ValueError:
        raise
    except Exception as error:  # the code of users may raise anything
        raise ValueError(f"reading it raised {describe_error(error)}") from error
    if not inputs:
        raise ValueError("it has no batches")
    return Samples(np.concatenate(inputs), np.concatenate(labels))


def _described(answer: Any) -> str:
    size = f" of {len(answer)} items" if isinstance(answer, tuple | list) else ""
    return f"a {type(answer).__name__}{size}"
