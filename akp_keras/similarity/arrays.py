"""Arrays of real numbers, of whatever library the user's arrays are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse


def real_array(values: Any, name: str) -> np.ndarray:
    """Make an array of what a user passed.

    Args:
        values: an array of NumPy, PyTorch (on any device, with or without gradients, of any real
            dtype), TensorFlow, JAX or h5py, a sparse matrix of SciPy, a data frame, or a list of
            lists or of one-dimensional arrays.
        name: the representation's name, for messages.

    Returns:
        A NumPy array of real numbers with one axis or more; not a copy where it need not be.

    Raises:
        ValueError: naming the representation, if it is none, or holds masked values.
    """
    array = _plain(values, name)
    # bfloat16 and the 8-bit floats are extension types, of kind "V", that NumPy can widen.
    if array.dtype.kind == "V" and array.dtype.fields is None and "float" in array.dtype.name:
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"representation {name!r} has dtype {array.dtype}; real numbers are needed"
        )
    if array.ndim == 0:
        raise ValueError(f"representation {name!r} is a single number; n × d is needed")
    return array


def is_of(value: Any, library: str) -> bool:
    """Say whether a value is of a library, without importing it."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(value).__mro__)


def is_frame(value: Any) -> bool:
    """Say whether a value is a data frame of pandas."""
    return is_of(value, "pandas") and type(value).__name__ == "DataFrame"


def _plain(values: Any, name: str) -> np.ndarray:
    if np.ma.isMA(values):
        if np.ma.is_masked(values):
            raise ValueError(
                f"representation {name!r} has {np.ma.count_masked(values)} masked values; fill "
                "them, or leave out their samples everywhere"
            )
        return np.asarray(values)
    if scipy.sparse.issparse(values):
        return values.toarray()
    if is_frame(values):
        return _of_frame(values, name)
    if isinstance(values, list | tuple):
        return _of_list(values, name)
    try:
        return _of_tensor(values) if is_of(values, "torch") else np.asarray(values)
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"representation {name!r} is a {type(values).__name__} that NumPy cannot take: {reason}"
        ) from error


def _of_tensor(tensor: Any) -> np.ndarray:
    tensor = tensor.detach()
    if str(tensor.layout) != "torch.strided":
        tensor = tensor.to_dense()
    tensor = tensor.cpu()
    try:
        return tensor.numpy()
    except TypeError:
        # bfloat16 and the 8-bit floats, which NumPy has no types for.
        return tensor.float().numpy()


def _of_frame(frame: Any, name: str) -> np.ndarray:
    values = frame.to_numpy()
    if values.dtype == object:
        # Nullable columns, of which a missing value is NaN.
        try:
            values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            wrong = [str(column) for column in frame if frame[column].dtype.kind not in "fiub"]
            raise ValueError(
                f"representation {name!r} has columns that are not numbers: "
                f"{', '.join(wrong[:3])}; leave them out"
            ) from error
    return values


def _of_list(values: Sequence[Any], name: str) -> np.ndarray:
    try:
        if any(is_of(value, "torch") for value in values):
            return np.stack([_of_tensor(value) for value in values])
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"representation {name!r} is ragged: its rows have different lengths"
        ) from error
