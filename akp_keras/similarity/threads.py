"""Threads of one process: representations, and blocks of pairs, side by side.

A BLAS that spreads each product over all cores leaves them idle between products. Side by side
every thread computes its products alone, and the last digits of what one BLAS thread computes do
not depend on the number of cores.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TypeVar

from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


class Threads:
    """A number of threads, or with one of them, the thread that asks.

    Args:
        count: how many, ≥ 1.
        blas_threads: how many threads the BLAS has in each of them; None where it is what it is.
    """

    def __init__(self, count: int, blas_threads: int | None = None) -> None:
        self.count = count
        self.blas_threads = blas_threads
        self.process = os.getpid()
        self._pool = ThreadPoolExecutor(count, "similarity") if count > 1 else None

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        most_under_way: int | None = None,
    ) -> Iterator[Result]:
        """Call a function with every item, and yield the results in order.

        Args:
            function: called in the threads, where `current` is one thread: nothing is spread
                twice.
            items: taken here, one after the other, as threads become free.
            most_under_way: how many items may be taken whose results are not; by default one
                more than there are threads.

        Yields:
            The results. What fails first in the order of the items is raised, however fast it
            was, also where an item could not be taken.
        """
        if self._pool is None:
            yield from map(function, items)
            return
        most = self.count + 1 if most_under_way is None else most_under_way
        waiting: deque[Future[Result]] = deque()
        remaining = iter(items)
        try:
            while True:
                while len(waiting) >= most:
                    yield waiting.popleft().result()
                try:
                    item = next(remaining)
                except StopIteration:
                    break
                except Exception:
                    while waiting:
                        yield waiting.popleft().result()
                    raise
                waiting.append(self._pool.submit(copy_context().run, _alone, function, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Wait for what is under way."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


_ALONE = Threads(1)
_CURRENT: ContextVar[Threads] = ContextVar("similarity_threads", default=_ALONE)


def current() -> Threads:
    """Return the threads that work may be spread over here."""
    threads = _CURRENT.get()
    # A forked process has the variable of its parent, and none of its threads.
    return threads if threads.process == os.getpid() else _ALONE


def _alone(function: Callable[[Item], Result], item: Item) -> Result:
    _CURRENT.set(_ALONE)
    return function(item)


def worthwhile_threads(
    members: int, bytes_each: float, memory: float, most: int | None = None
) -> int:
    """Return how many threads representations are worth.

    Args:
        members: how many representations are prepared.
        bytes_each: what preparing each of them takes.
        memory: bytes that preparing may take.
        most: how many threads may be used; by default one per core that this process may use.

    Returns:
        From 1 to `most`; 1 for fewer than four representations, whose products are better spread
        themselves.
    """
    if most is None:
        affinity = getattr(os, "sched_getaffinity", None)
        most = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(most, members // 2, int(memory // max(bytes_each, 1.0))))


@contextlib.contextmanager
def spread(count: int) -> Iterator[Threads]:
    """Spread work over threads; the BLAS's own threads are divided among them."""
    if count == 1:
        yield _ALONE
        return
    each = max(1, _threads_of_blas() // count)
    with blas_threads(each):
        threads = Threads(count, each)
        token = _CURRENT.set(threads)
        try:
            yield threads
        finally:
            _CURRENT.reset(token)
            threads.close()


def _threads_of_blas() -> int:
    return min((blas["num_threads"] for blas in _libraries().info()), default=1)


@functools.cache
def _libraries() -> ThreadpoolController:
    """Find the BLAS of NumPy and that of SciPy, which takes longer than many a product."""
    return ThreadpoolController().select(user_api="blas")


class _Limit:
    """The limit of this process, which all of its threads have in common.

    One thread sets it and takes it back, whoever asked first or last: threadpoolctl lets no other
    thread change what one has set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._owner: ThreadPoolExecutor | None = None

    def enter(self, count: int) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._owner = self._owner or ThreadPoolExecutor(1, "similarity-limit")
                self._owner.submit(self._set, count).result()

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._owner.submit(self._limits.close).result()

    def _set(self, count: int) -> None:
        self._limits = contextlib.ExitStack()
        self._limits.enter_context(_libraries().limit(limits=count))


_limit = _Limit()


def _forget_limit() -> None:
    global _limit
    _limit = _Limit()


if hasattr(os, "register_at_fork"):
    # The lock may be held, and the thread is not there.
    os.register_at_fork(after_in_child=_forget_limit)


@contextlib.contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Limit the BLAS of this process to so many threads.

    Of limits at the same time the first one holds, until the last has been taken back.
    """
    limit = _limit
    limit.enter(count)
    try:
        yield
    finally:
        limit.leave()
