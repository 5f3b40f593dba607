"""The one place where the heavy products are sent to NumPy or to an accelerator.

On an accelerator they go through `keras.ops`, whichever backend Keras has. Keras is imported only
if it is asked for, or if it is loaded already and sees a device.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np

from akp_keras.similarity import threads

DEVICES = ("auto", "cpu", "accelerator")

_ON_ACCELERATOR: ContextVar[bool] = ContextVar("similarity_on_accelerator", default=False)


def on_accelerator(device: str) -> bool:
    """Whether products go through `keras.ops`.

    Args:
        device: "cpu"; "accelerator", Keras' default device, whatever it is; or "auto", the
            accelerator where Keras is loaded and lists a GPU or a TPU.

    Raises:
        ValueError: if the name is none of these.
    """
    if device not in DEVICES:
        raise ValueError(f"device is one of {', '.join(DEVICES)}, not {device!r}")
    if device != "auto":
        return device == "accelerator"
    if "keras" not in sys.modules:
        return False
    import keras

    with contextlib.suppress(NotImplementedError, RuntimeError):
        return bool(
            keras.distribution.list_devices("gpu") or keras.distribution.list_devices("tpu")
        )
    return False


@contextlib.contextmanager
def use(accelerator: bool) -> Iterator[None]:
    """Sends the products of this block to the accelerator, or to NumPy."""
    token = _ON_ACCELERATOR.set(accelerator)
    try:
        yield
    finally:
        _ON_ACCELERATOR.reset(token)


# Widths and heights of the pieces that a product is cut into. They are part of its last digits.
_SIDE = 128
_STRETCH = 65_536


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The matrix product, of the operands' precision where the backend has it (JAX: float32).

    Args:
        left: (m, k) of float32 or float64.
        right: (k, n) of the same dtype.

    Returns:
        (m, n) in C order.
    """
    if not _ON_ACCELERATOR.get():
        return np.matmul(left, right)
    from keras import ops

    found = ops.matmul(ops.convert_to_tensor(left), ops.convert_to_tensor(right))
    return np.array(ops.convert_to_numpy(found), dtype=np.result_type(left, right))


def gram_triangle(matrix: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The upper triangle of `matrix` times its transpose: half of the work of the product.

    Args:
        matrix: (n, p) of float32 or float64.
        out: (n, n) of the same dtype, for the result.

    Returns:
        (n, n) in C order, of the matrix's dtype; below the diagonal zero, or in `out` anything.
    """
    if out is None:
        out = np.zeros((len(matrix), len(matrix)), dtype=matrix.dtype)
    if _ON_ACCELERATOR.get():
        out[:] = np.triu(product(matrix, matrix.T))
    else:
        _fill_triangle(matrix, out)
    return out


def gram_panels(matrix: np.ndarray) -> Iterator[np.ndarray]:
    """`gram_triangle` from top to bottom, a few rows at a time, so that these stay in a cache.

    Args:
        matrix: (n, p) of float32 or float64.

    Yields:
        (m, n − i) of the matrix's dtype, the rows from i on without the columns before i, where i
        is the number of rows before; valid until the next.
    """
    if _ON_ACCELERATOR.get():
        yield product(matrix, matrix.T)
        return
    n = len(matrix)
    buffer = np.empty(min(_SIDE, n) * n, dtype=matrix.dtype)
    for start in range(0, n, _SIDE):
        rows, below = matrix[start : start + _SIDE], matrix[start + _SIDE :]
        panel = buffer[: len(rows) * (n - start)].reshape(len(rows), n - start)
        # NumPy sees that this is symmetric, and does half of the work.
        np.matmul(rows, rows.T, out=panel[:, : len(rows)])
        np.matmul(rows, below.T, out=panel[:, len(rows) :])
        yield panel


def _fill_triangle(matrix: np.ndarray, triangle: np.ndarray) -> None:
    """Halves the rows, so that nearly all of the work is done in large products."""
    n = len(matrix)
    if n <= _SIDE:
        triangle[:] = np.triu(np.matmul(matrix, matrix.T))
        return
    half = n // 2
    np.matmul(matrix[:half], matrix[half:].T, out=triangle[:half, half:])
    _fill_triangle(matrix[:half], triangle[:half, :half])
    _fill_triangle(matrix[half:], triangle[half:, half:])


def product_of_rows(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """`left` times the transpose of `right`, where rows are few and long: by stretches of them.

    The stretches are spread over the current threads (`threads.current`).

    Args:
        left: (m, k) of float32 or float64.
        right: (n, k) of the same dtype.

    Returns:
        (m, n); exactly symmetric where `right is left`.
    """
    if _ON_ACCELERATOR.get():
        return product(left, right.T)

    def of_stretch(start: int) -> np.ndarray:
        columns = slice(start, start + _STRETCH)
        return np.matmul(left[:, columns], right[:, columns].T)

    parts = threads.current().map(of_stretch, range(0, left.shape[1], _STRETCH))
    return functools.reduce(np.add, parts)


def square_sum(array: np.ndarray) -> float:
    """The sum of squares of an array of float32 or float64."""
    flat = array.ravel(order="K")
    return float(np.dot(flat, flat))
