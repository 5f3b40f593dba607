"""Executors: the single interface between the stages of the work and the machines."""

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
        executor: runs the heavy work; TensorFlow starts once per process of it.
        representations: folder in which representations are kept between steps, in one folder per
            probe set; None if each step computes and removes its own.
    """

    executor: Executor
    representations: Path | None = None


_shared: contextvars.ContextVar[Workplace | None] = contextvars.ContextVar("shared", default=None)


@contextlib.contextmanager
def share_workplace(workplace: Workplace) -> Iterator[None]:
    """Make `open_workplace` return one workplace to all steps within the block."""
    token = _shared.set(workplace)
    try:
        yield
    finally:
        _shared.reset(token)


@contextlib.contextmanager
def open_workplace(workers: int) -> Iterator[Workplace]:
    """Yield the shared workplace, or open processes.

    Args:
        workers: number of processes to open if no workplace is shared.

    Yields:
        A workplace whose processes run one task at a time.
    """
    shared = _shared.get()
    if shared is not None:
        yield shared
        return
    with open_executor(workers) as executor:
        yield Workplace(executor)


def limit_linear_algebra() -> None:
    """Limit linear algebra to one thread, in child processes and, before NumPy's import, here.

    More threads would compete with each other, and their number changes a result's last digits.
    """
    for name in ONE_THREAD:
        os.environ[name] = "1"


@contextlib.contextmanager
def open_executor(workers: int, dask_scheduler: str | None = None) -> Iterator[Executor]:
    """Open processes on this machine, or a Dask cluster.

    Args:
        workers: number of processes.
        dask_scheduler: address of a Dask scheduler, which replaces the processes.

    Yields:
        An executor whose processes run one task at a time.

    Raises:
        ValueError: if Dask is not installed, or no scheduler answers at the address.
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
    """End this process when its parent dies; otherwise it would wait for work forever."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
