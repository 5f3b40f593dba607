"""Where the work is done: the one seam between the stages and the machines."""

from __future__ import annotations

import contextlib
import contextvars
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Workplace:
    """What the steps of one run share.

    Attributes:
        executor: where the heavy work is done; TensorFlow starts once per process of it.
        representations: folder in which representations are kept from one step to the next, in a
            folder per probe set; None where each step takes and removes its own.
    """

    executor: Executor
    representations: Path | None = None


_shared: contextvars.ContextVar[Workplace | None] = contextvars.ContextVar("shared", default=None)


@contextlib.contextmanager
def share_workplace(workplace: Workplace) -> Iterator[None]:
    """Makes `open_workplace` return one workplace to all steps within the block."""
    token = _shared.set(workplace)
    try:
        yield
    finally:
        _shared.reset(token)


@contextlib.contextmanager
def open_workplace(workers: int) -> Iterator[Workplace]:
    """Returns the shared workplace, or opens processes.

    Args:
        workers: how many processes are opened, where nothing is shared.

    Yields:
        A workplace whose tasks run one at a time in each of its processes.
    """
    shared = _shared.get()
    if shared is not None:
        yield shared
        return
    with open_executor(workers) as executor:
        yield Workplace(executor)


def limit_linear_algebra() -> None:
    """Gives linear algebra one thread, here if NumPy is not imported yet, and in every child.

    More would stand in each other's way, and their number is part of a result's last digits.
    """
    for name in ONE_THREAD:
        os.environ[name] = "1"


@contextlib.contextmanager
def open_executor(workers: int, dask_scheduler: str | None = None) -> Iterator[Executor]:
    """Opens processes on this machine, or a Dask cluster.

    Args:
        workers: how many processes.
        dask_scheduler: address of a Dask scheduler; takes the place of the processes.

    Yields:
        An executor whose tasks run one at a time in each of its processes.

    Raises:
        ValueError: if Dask is not installed, or does not answer at this address.
    """
    if dask_scheduler is None:
        limit_linear_algebra()
        executor = ProcessPoolExecutor(
            workers,
            # A forked process would inherit TensorFlow's threads in an undefined state.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_end_with_parent,
        )
        try:
            yield executor
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
        return

    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ValueError(
            "--dask_scheduler needs the extra 'dask': pip install 'akp-keras[dask]'"
        ) from error
    try:
        client = Client(dask_scheduler, timeout=10)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"--dask_scheduler={dask_scheduler}: no Dask scheduler answers there; "
            "the address has the form tcp://host:port"
        ) from error
    with client, client.get_executor(pure=False) as executor:
        yield executor


def _end_with_parent() -> None:
    """Ends this process when its parent dies; else it would wait for work forever."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
