"""Executors: the single interface between the stages of the work and the machines."""

from __future__ import annotations

import contextlib
import contextvars
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from akp_keras.failures import WorkFailed, one_line

if TYPE_CHECKING:
    from dask.distributed import Client

# Seconds: a cluster that starts workers anew, as SLURM and Kubernetes do, takes minutes.
PATIENCE = 300.0
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
def open_executor(
    workers: int, dask_scheduler: str | None = None, *, patience: float = PATIENCE
) -> Iterator[Executor]:
    """Open processes on this machine, or a Dask cluster.

    Args:
        workers: number of processes.
        dask_scheduler: address of a Dask scheduler, which replaces the processes.
        patience: seconds for which a cluster may be without workers before work on it fails.

    Yields:
        An executor whose processes run one task at a time.

    Raises:
        ValueError: if Dask is not installed, or no scheduler answers at the address.
        WorkFailed: if the cluster loses its scheduler or all of its workers, or gives up a task
            because workers died of it.
    """
    with (
        _processes(workers)
        if dask_scheduler is None
        else _cluster(dask_scheduler, patience) as executor
    ):
        yield executor


@contextlib.contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    limit_linear_algebra()
    others = set(multiprocessing.active_children())
    # TensorFlow leaves generated code among the temporary files of a process that is killed.
    with tempfile.TemporaryDirectory(prefix="akp_keras.", ignore_cleanup_errors=True) as temporary:
        executor = ProcessPoolExecutor(
            workers,
            # A forked process would inherit TensorFlow's threads in an undefined state.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(temporary,),
        )
        try:
            yield executor
        except KeyboardInterrupt:
            # What a worker has begun would be waited for otherwise.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _begin(temporary: str) -> None:
    """Begin a worker: its temporary files are in a folder that outlives neither it nor its parent.

    Without the thread, it would wait for the work of a parent that has died.
    """
    tempfile.tempdir = temporary
    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        shutil.rmtree(temporary, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def _cluster(address: str, patience: float) -> Iterator[Executor]:
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise ValueError(
            "--dask_scheduler needs the extra 'dask': pip install 'akp-keras[dask]'"
        ) from error
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"--dask_scheduler={address}: no Dask scheduler answers there; "
            "the address has the form tcp://host:port"
        ) from error
    watch = _Watch(client, patience)
    with client, client.get_executor(pure=False) as executor, watch:
        try:
            yield executor
        except (CancelledError, CommClosedError, KilledWorker) as error:
            reason = watch.lost or one_line(error)
            raise WorkFailed(f"--dask_scheduler={address}: {reason}") from error


class _Watch(threading.Thread):
    """Cancels all tasks of a cluster that has been without workers for too long.

    Dask would wait for new ones without a word.
    """

    def __init__(self, client: Client, patience: float) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._patience = patience
        self._ended = threading.Event()
        self.lost = ""

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        alone = 0.0
        interval = min(self._patience / 4, 5.0)
        while not self._ended.wait(interval):
            alone = 0.0 if self._workers() else alone + interval
            if alone == interval:
                message = "no Dask worker is left; waiting"
                print(f"{message} {self._patience:g} s for one", file=sys.stderr)
            if alone >= self._patience:
                self.lost = f"the cluster has had no worker for {self._patience:g} s"
                self._cancel()
                return

    def _cancel(self) -> None:
        from dask.distributed import Future

        keys = list(self._client.futures)
        self._client.cancel([Future(key, self._client) for key in keys], force=True)

    def _workers(self) -> int:
        try:
            return len(self._client.scheduler_info()["workers"])
        except (OSError, TimeoutError, ValueError):
            return 0
