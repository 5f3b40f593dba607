"""The processes in which a step does its heavy work."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from concurrent.futures import Executor

from akp_keras.executors import open_executor

_shared: contextvars.ContextVar[Executor | None] = contextvars.ContextVar("shared", default=None)


@contextlib.contextmanager
def share_workers(executor: Executor) -> Iterator[None]:
    """Lets all steps of this process use one executor, so that TensorFlow starts once a worker.

    Args:
        executor: what `open_workers` gives within the block.
    """
    token = _shared.set(executor)
    try:
        yield
    finally:
        _shared.reset(token)


@contextlib.contextmanager
def open_workers(workers: int) -> Iterator[Executor]:
    """Gives the executor that is shared in this process, or opens processes.

    Args:
        workers: how many processes are opened, where none are shared.

    Yields:
        An executor whose tasks run one at a time in each of its processes.

    Raises:
        ValueError: if there is not at least one worker.
    """
    shared = _shared.get()
    if shared is not None:
        yield shared
        return
    if workers < 1:
        raise ValueError(f"--workers={workers} must be at least 1")
    with open_executor(workers) as executor:
        yield executor
