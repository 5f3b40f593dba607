"""The one place where the heavy products are sent to NumPy or to an accelerator.

On an accelerator they go through `keras.ops`, whichever backend Keras has. Keras is imported only
if it is asked for, or if it is loaded already and sees a device.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar

import numpy as np
from scipy.linalg.blas import get_blas_funcs

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


# On the CPU all of them are SciPy's: its BLAS and NumPy's have threads of their own, which keep a
# core busy for a while after their work is done, so that one library slows down the other.


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The matrix product, of the operands' precision where the backend has it (JAX: float32).

    Args:
        left: (m, k) of float32 or float64.
        right: (k, n) of the same dtype.

    Returns:
        (m, n) in C order.
    """
    if _ON_ACCELERATOR.get():
        from keras import ops

        found = ops.matmul(ops.convert_to_tensor(left), ops.convert_to_tensor(right))
        return np.array(ops.convert_to_numpy(found), dtype=np.result_type(left, right))
    (gemm,) = get_blas_funcs(("gemm",), (left, right))
    # BLAS counts rows in columns: there it is the transposes' product, in the other order.
    first, turn_first = _in_columns(right)
    second, turn_second = _in_columns(left)
    return gemm(1.0, first, second, trans_a=turn_first, trans_b=turn_second).T


def gram_triangle(matrix: np.ndarray) -> np.ndarray:
    """The upper triangle of `matrix` times its transpose: half of the work of the product.

    Args:
        matrix: (n, p) of float32 or float64.

    Returns:
        (n, n) in C order, of the matrix's dtype; zero below the diagonal.
    """
    if _ON_ACCELERATOR.get():
        return np.triu(product(matrix, matrix.T))
    (syrk,) = get_blas_funcs(("syrk",), (matrix,))
    transpose, turn = _in_columns(matrix)
    return syrk(1.0, transpose, trans=not turn, lower=1).T


def square_sum(array: np.ndarray) -> float:
    """The sum of squares of a contiguous array of float32 or float64."""
    flat = array.ravel(order="K")
    (dot,) = get_blas_funcs(("dot",), (flat,))
    return float(dot(flat, flat))


def _in_columns(matrix: np.ndarray) -> tuple[np.ndarray, bool]:
    """The transpose as BLAS wants it: an array whose columns lie together, and whether to turn it.

    It is that array, or where it is to be turned, that array's transpose; nothing is copied unless
    neither rows nor columns lie together.
    """
    if matrix.flags.f_contiguous:
        return matrix, True
    return np.ascontiguousarray(matrix).T, False
