"""The one place where the heavy products are sent to NumPy or to an accelerator.

On an accelerator they go through `keras.ops`, whichever backend Keras has. Keras is imported only
if it is asked for, or if it is loaded already and sees a device.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import numpy as np

from akp_keras.similarity import threads
from akp_keras.similarity.scratch import let_go

DEVICES = ("auto", "cpu", "accelerator")

_ON_ACCELERATOR: ContextVar[bool] = ContextVar("similarity_on_accelerator", default=False)


def is_accelerator(device: str) -> bool:
    """Say whether products go through `keras.ops`.

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
def computing_on(accelerator: bool) -> Iterator[None]:
    """Send the products of this context to the accelerator, or to NumPy."""
    token = _ON_ACCELERATOR.set(accelerator)
    try:
        yield
    finally:
        _ON_ACCELERATOR.reset(token)


# Widths and heights of the pieces that a product is cut into. They are part of its last digits.
_SIDE = 128
_STRETCH = 65_536


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Multiply two matrices, in the operands' precision where the backend has it (JAX: float32).

    Args:
        left: (m, k) of float32 or float64.
        right: (k, n) of the same dtype.

    Returns:
        (m, n) in C order.
    """
    if not _ON_ACCELERATOR.get():
        return np.matmul(left, right)
    from keras import ops

    result = ops.matmul(ops.convert_to_tensor(left), ops.convert_to_tensor(right))
    return np.array(ops.convert_to_numpy(result), dtype=np.result_type(left, right))


def gram_triangle(matrix: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Multiply a matrix by its transpose, the upper triangle alone: half of the work.

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
    """Yield `gram_triangle` from top to bottom, a few rows at a time that stay in a cache.

    Args:
        matrix: (n, p) of float32 or float64.

    Yields:
        (m, n − i) of the matrix's dtype, the rows from i on without the columns before i, where i
        is the number of rows before; valid until the next, and may be overwritten.
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
    """Halve the rows, so that nearly all of the work is done in large products."""
    n = len(matrix)
    if n <= _SIDE:
        triangle[:] = np.triu(np.matmul(matrix, matrix.T))
        return
    half = n // 2
    np.matmul(matrix[:half], matrix[half:].T, out=triangle[:half, half:])
    _fill_triangle(matrix[:half], triangle[:half, :half])
    _fill_triangle(matrix[half:], triangle[half:, half:])


def product_of_rows(
    left: np.ndarray | list[np.ndarray], right: np.ndarray | list[np.ndarray]
) -> np.ndarray:
    """Multiply `left` by the transpose of `right`, whose rows are few and long, by stretches.

    The stretches are spread over the current threads (`threads.current`).

    Args:
        left: (m, k) of float32 or float64, or a list of m arrays (k,) that lie in files.
        right: (n, k) of the same dtype, or a list.

    Returns:
        (m, n); exactly symmetric where `right is left`.
    """
    if _ON_ACCELERATOR.get():
        return product(np.asarray(left), np.asarray(right).T)

    def of_stretch(start: int) -> np.ndarray:
        columns = slice(start, start + _STRETCH)
        part = _columns(left, columns)
        return np.matmul(part, (part if right is left else _columns(right, columns)).T)

    parts = threads.current().map(of_stretch, range(0, len(left[0]), _STRETCH))
    return functools.reduce(np.add, parts)


def _columns(rows: np.ndarray | list[np.ndarray], columns: slice) -> np.ndarray:
    if isinstance(rows, np.ndarray):
        return rows[:, columns]
    stacked = np.stack([row[columns] for row in rows])
    for row in rows:
        let_go(row)
    return stacked


def block_sums(
    table: np.ndarray, row_widths: Sequence[int], column_widths: Sequence[int]
) -> np.ndarray:
    """Sum the blocks of a table.

    Args:
        table: (Σ row widths, Σ column widths).
        row_widths: L heights of blocks, each ≥ 1.
        column_widths: R widths of blocks, each ≥ 1.

    Returns:
        (L, R) of the table's dtype.
    """
    rows, columns = (
        np.concatenate([[0], np.cumsum(widths)[:-1]]) for widths in (row_widths, column_widths)
    )
    return np.add.reduceat(np.add.reduceat(table, rows, axis=0), columns, axis=1)


def square_sum(array: np.ndarray) -> float:
    """Sum the squares of an array of float32 or float64."""
    flat = array.ravel(order="K")
    return float(np.dot(flat, flat))
