"""A signature of any SavedModel, asked batch by batch."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akp_keras.export.casting import cast_samples
from akp_keras.export.operations import unsafe_operations
from akp_keras.failures import of_machine
from akp_keras.natural_order import natural_order
from akp_keras.tensorflow_runtime import first_line, machine_errors

if TYPE_CHECKING:
    import tensorflow as tf

# What TensorFlow's file systems read as a pattern when they look for the variables.
_PATTERN = frozenset("*?[\\")
# `tensorflow/core/framework/op.cc` and `python/framework/importer.py`.
_UNKNOWN_OPERATION = re.compile(r"Op type not registered '([^']+)'")

Inputs = np.ndarray | Mapping[str, np.ndarray]


class Signature:
    """One signature of a loaded SavedModel.

    Args:
        path: folder of a SavedModel, whoever exported it.
        name: the signature.
        trust: names of operations that it may have although they write or read files or call out.

    Attributes:
        outputs: names of its outputs, in natural order.

    Raises:
        ValueError: in one line that names the SavedModel, if it is missing or damaged, has no
            such signature, or has an unsafe operation that is not trusted.
    """

    def __init__(self, path: str | Path, name: str, *, trust: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.name = name
        # The loaded object owns the variables: it must live as long as its functions are called.
        self._loaded = _load(self.path, trust)
        if name not in self._loaded.signatures:
            known = sorted(self._loaded.signatures)
            raise ValueError(
                f"SavedModel {self.path} has no signature {name!r}; it has "
                + (f"{', '.join(known)}: name one with --signature" if known else "none at all")
            )
        self._function = self._loaded.signatures[name]
        self._inputs: dict[str, tf.TensorSpec] = dict(self._function.structured_input_signature[1])
        self.outputs = tuple(sorted(self._function.structured_outputs, key=natural_order))

    def answers(
        self, inputs: Inputs, outputs: Sequence[str], batch_size: int
    ) -> Iterator[dict[str, np.ndarray]]:
        """Call the signature on one batch after the other.

        Args:
            inputs: (n, …) samples where the signature takes one tensor, or name -> (n, …)
                samples; cast to the signature's dtypes.
            outputs: those wanted.
            batch_size: samples a call; a signature with a batch size of its own is called with
                that, and the last batch is filled up with its last sample.

        Yields:
            Output name -> (samples of the batch, …).

        Raises:
            ValueError: in one line that names the SavedModel, if it does not take such samples,
                changes the batch size, or answers with anything but real numbers.
        """
        import tensorflow as tf

        for name in outputs:
            self._check_output(name, self._function.structured_outputs[name])
        arrays = self._matched(inputs)
        samples = len(next(iter(arrays.values())))
        fixed = self._batch_size()
        size = fixed or batch_size
        shapes: dict[str, tuple[int, ...]] = {}
        for start in range(0, samples, size):
            batch = {name: array[start : start + size] for name, array in arrays.items()}
            rows = min(size, samples - start)
            asked = size if fixed else rows
            try:
                with machine_errors():
                    answers = self._function(
                        **{
                            name: tf.constant(
                                self._prepared(name, values, asked), self._inputs[name].dtype
                            )
                            for name, values in batch.items()
                        }
                    )
            except tf.errors.OpError as error:
                raise ValueError(
                    f"SavedModel {self.path} fails on the probe set: {first_line(error)}"
                ) from error
            representations = {}
            for name in outputs:
                answer = answers[name].numpy()
                if answer.ndim < 2 or len(answer) != asked:
                    raise ValueError(
                        f"output {name!r} of SavedModel {self.path} has shape {answer.shape} for "
                        f"a batch of {asked} samples; its first axis must be the batch, and "
                        "features must follow; name the outputs that are so with --layers"
                    )
                if shapes.setdefault(name, answer.shape[1:]) != answer.shape[1:]:
                    raise ValueError(
                        f"output {name!r} of SavedModel {self.path} has shape {answer.shape[1:]} a "
                        f"sample in one batch and {shapes[name]} in another; features must be "
                        "the same for all samples"
                    )
                representations[name] = answer[:rows]
            yield representations

    def _matched(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return the samples by the names of the signature's inputs, their shapes checked."""
        wanted = sorted(self._inputs)
        if len(wanted) == 1 and (not isinstance(inputs, Mapping) or len(inputs) == 1):
            arrays = {
                wanted[0]: next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs
            }
        elif isinstance(inputs, Mapping) and set(wanted) <= set(inputs) and wanted:
            arrays = {name: inputs[name] for name in wanted}
        else:
            received = ", ".join(sorted(inputs)) if isinstance(inputs, Mapping) else "one"
            raise ValueError(
                f"signature {self.name!r} of SavedModel {self.path} takes {len(wanted)} "
                f"{'tensor' if len(wanted) == 1 else 'tensors'} ({', '.join(wanted)}), and the "
                f"probe set has {received}; an .npz file with an array of each such name is needed"
            )
        for name, array in arrays.items():
            shape = self._inputs[name].shape
            if shape.rank == 0:
                raise ValueError(
                    f"input {name!r} of SavedModel {self.path} is a single number; only inputs "
                    "with one row a sample can be filled from a probe set"
                )
            if shape.rank and not shape[1:].is_compatible_with(array.shape[1:]):
                raise ValueError(
                    f"SavedModel {self.path} takes samples of shape {tuple(shape[1:])}"
                    f"{f' as {name!r}' if len(arrays) > 1 else ''}, "
                    f"the probe set's are {array.shape[1:]}"
                )
        return arrays

    def _batch_size(self) -> int | None:
        sizes = {spec.shape[0] for spec in self._inputs.values() if spec.shape.rank} - {None}
        if len(sizes) > 1:
            raise ValueError(
                f"signature {self.name!r} of SavedModel {self.path} takes batches of different "
                f"sizes at once ({', '.join(map(str, sorted(sizes)))})"
            )
        return sizes.pop() if sizes else None

    def _prepared(self, name: str, values: np.ndarray, size: int) -> np.ndarray:
        cast = cast_samples(
            np.asarray(values),
            np.dtype(self._inputs[name].dtype.as_numpy_dtype),
            f"SavedModel {self.path}",
        )
        if len(cast) == size:
            return cast
        return np.concatenate([cast, np.repeat(cast[-1:], size - len(cast), axis=0)])

    def _check_output(self, name: str, specification: Any) -> None:
        dtype = specification.dtype
        if not (dtype.is_floating or dtype.is_integer or dtype.is_bool):
            raise ValueError(
                f"output {name!r} of SavedModel {self.path} is {dtype.name}, not real numbers; "
                f"name the outputs to compare with --layers (it has {', '.join(self.outputs)})"
            )


def _load(path: Path, trust: Sequence[str]) -> Any:
    import tensorflow as tf

    if not (path / "saved_model.pb").is_file():
        raise ValueError(f"{path} is not a SavedModel: it has no saved_model.pb")
    unsafe = [name for name in unsafe_operations(path) if name not in trust]
    if unsafe:
        raise ValueError(
            f"SavedModel {path} has the operation {unsafe[0]}, which reaches files, Python or "
            "other processes; if you trust whoever made it, add "
            f"--trust={','.join([*trust, *unsafe])}"
        )
    try:
        with _without_pattern(path) as plain:
            return tf.saved_model.load(str(plain))
    except Exception as error:  # TensorFlow raises anything from OSError to KeyError here.
        if failure := of_machine(str(error)):
            raise failure from error
        if unknown := _UNKNOWN_OPERATION.search(str(error)):
            raise ValueError(
                f"SavedModel {path} has the custom operation {unknown[1]!r}, and no libraries of "
                "operations are loaded; export it without"
            ) from error
        raise ValueError(
            f"SavedModel {path} is damaged and cannot be loaded ({first_line(error)})"
        ) from error


@contextlib.contextmanager
def _without_pattern(path: Path) -> Iterator[Path]:
    """Yield the path, or a link to it where TensorFlow would read the path as a pattern."""
    if not _PATTERN & set(str(path)):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "saved_model"
        link.symlink_to(path.absolute())
        yield link
