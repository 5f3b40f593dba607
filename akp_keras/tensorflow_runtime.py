"""TensorFlow's threads and memory, set before its first use in a process."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator

from akp_keras.failures import of_machine

THREADS = 1
# Where a graph failed, which TensorFlow says before why.
_WHERE = re.compile(r"Graph execution error|Detected at node|<stack traces|\s|File ")


def configure_tensorflow() -> None:
    """Limit TensorFlow to one thread and lets its GPU memory grow.

    Weights and representations are bit-equal from run to run only for the same number of threads.
    Training several members in several processes makes up for the single thread.

    Raises:
        RuntimeError: if TensorFlow already runs in this process with another number of threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_start():
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
    for device in devices:
        tf.config.experimental.set_memory_growth(device, True)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Hide what TensorFlow's C++ code prints, at any log level, while it starts."""
    sys.stderr.flush()
    standard_error = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(standard_error, 2)
        os.close(nowhere)
        os.close(standard_error)


@contextlib.contextmanager
def machine_errors() -> Iterator[None]:
    """Turn TensorFlow's errors of a full disk or memory into those of Python.

    Raises:
        OSError: for an error of the operating system.
        MemoryError: for lack of memory, also that of an accelerator.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("tensorflow."):
            raise
        if failure := of_machine(str(error)):
            # Without its cause, which would import TensorFlow where it is unpickled.
            raise failure from None
        if type(error).__name__ == "ResourceExhaustedError":
            raise MemoryError(first_line(error)) from None
        raise


def first_line(error: Exception) -> str:
    """Return the first line that gives a reason, of the hundreds of a TensorFlow message."""
    lines = str(error).strip().splitlines()
    said = [line for line in lines if line.strip() and not _WHERE.match(line)]
    return said[0] if said else type(error).__name__
