"""TensorFlow's threads and memory, set before its first use in a process."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

THREADS = 1


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
