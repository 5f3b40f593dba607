"""TensorFlow's threads and memory, set before its first use in a process."""

from __future__ import annotations

import os

THREADS = 1


def configure_tensorflow() -> None:
    """Gives TensorFlow one thread and lets its GPU memory grow.

    Weights and representations are bit-equal from run to run only for the same number of
    threads, so that number is part of what a member is; several members in several processes
    make up for the one thread.

    Raises:
        RuntimeError: if TensorFlow already runs in this process with other threads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
