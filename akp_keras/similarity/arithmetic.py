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


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The matrix product, of the operands' precision where the backend has it (JAX: float32)."""
    if not _ON_ACCELERATOR.get():
        return left @ right
    from keras import ops

    found = ops.matmul(ops.convert_to_tensor(left), ops.convert_to_tensor(right))
    return np.array(ops.convert_to_numpy(found), dtype=np.result_type(left, right))


def gram_triangle(matrix: np.ndarray) -> np.ndarray:
    """The upper triangle of `matrix` times its transpose: half of the work of the product.

    Args:
        matrix: (n, p) of float32 or float64.

    Returns:
        (n, n) in C order, of the matrix's dtype; zero below the diagonal.
    """
    if _ON_ACCELERATOR.get():
        return np.triu(product(matrix, matrix.T))
    # BLAS counts rows in columns: its lower triangle is the upper one here.
    (syrk,) = get_blas_funcs(("syrk",), (matrix,))
    if matrix.flags.c_contiguous:
        return syrk(1.0, matrix.T, trans=1, lower=1).T
    return syrk(1.0, np.asfortranarray(matrix), lower=1).T
