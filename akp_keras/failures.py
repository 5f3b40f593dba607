"""Failures that are not wrong input, each told in one line and with an exit code of its own."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool

# Errors of the operating system for which no argument is to blame.
_MACHINE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOTCONN,
    errno.ECONNRESET,
    errno.ECONNREFUSED,
    errno.ESTALE,
)
# What a dynamic linker says that has no memory for a library, or no file handle left.
_NO_MEMORY = ("cannot allocate memory", "failed to map segment", "Cannot allocate memory")


class WorkFailed(Exception):
    """The machine failed although the input is valid; the message is one line."""


class MembersFailed(ValueError):
    """The work was done, but some members could not be trained or compared.

    Attributes:
        answer: what is to be shown all the same.
    """

    def __init__(self, message: str, answer: str = "") -> None:
        super().__init__(message)
        self.answer = answer


def one_line(error: BaseException, longest: int | None = None) -> str:
    """Return the message of an error in one line; its type if it has none.

    Args:
        error: any exception. Of one of the operating system, the message is file and reason.
        longest: number of characters after which the message is cut; None = nowhere.
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())[:longest] or type(error).__name__


def machine_failure(error: BaseException) -> str | None:
    """Return what the machine lacks, in one line.

    Args:
        error: any exception.

    Returns:
        The reason, without a full stop; None for exceptions that have another reason.
    """
    if isinstance(error, WorkFailed):
        return one_line(error)
    if isinstance(error, BrokenProcessPool):
        return "a worker process died, perhaps for lack of memory"
    if isinstance(error, CancelledError):
        return "the cluster cancelled a task"
    if isinstance(error, MemoryError):
        return f"out of memory ({error})" if str(error) else "out of memory"
    if isinstance(error, ImportError):
        reason = one_line(error)
        lacking = any(text in reason for text in _NO_MEMORY)
        return f"{'out of memory: ' if lacking else ''}a library cannot be imported ({reason})"
    if isinstance(error, OSError) and error.errno in _MACHINE:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return None


@contextlib.contextmanager
def named_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name a file or folder in errors of the operating system that name none.

    Writing to a full disk is such an error: the system knows the handle only.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error


def of_machine(text: str) -> OSError | None:
    """Return the error of the operating system that a library's message quotes, if any."""
    quoted = (number for number in _MACHINE if os.strerror(number) in text)
    number = next(quoted, None)
    return None if number is None else OSError(number, os.strerror(number))
