"""A command: flags by stage, one line for what is wrong, and an exit code that says which kind."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from absl import flags

_TRACEBACK = "AKP_KERAS_TRACEBACK"
_HELP = {"--help", "-h", "--helpfull", "-help"}


class WorkFailed(Exception):
    """The work failed for no fault of the input; the message is one line for people."""


def run_command(
    arguments: Sequence[str],
    *,
    program: str,
    description: str | None,
    define_flags: Callable[[flags.FlagValues], None],
    stages: Sequence[str],
    work: Callable[..., str],
    take_up: str = "run again to go on",
    positional: bool = False,
) -> int:
    """Reads flags, does the work and prints what it gives.

    Args:
        arguments: the command line without the program's name.
        program: the name that stands before every message.
        description: what stands above the flags in the help.
        define_flags: defines the flags, each registered as a stage's.
        stages: the stages in the order of the help.
        work: does what the flags say and gives what is printed on standard output. A ValueError
            is wrong input, and its message one line for people.
        take_up: what to do after an interruption.
        positional: whether what is no flag is wanted too; `work` is given it as a list.

    Returns:
        The exit code: 0 when all is done, 2 for wrong input, 1 where the machine failed, 130
        where a person interrupted.
    """
    from absl import flags

    values = flags.FlagValues()
    define_flags(values)
    if _HELP & set(arguments):
        print(f"{description}\n{help_text(values, stages)}")
        return 0
    try:
        try:
            rest = values([program, *arguments])[1:]
        except UnicodeDecodeError as error:
            raise ValueError("--flagfile is no text file; it holds one flag a line") from error
        if rest and not positional:
            raise ValueError(f"{rest[0]!r} is no flag; flags begin with --")
        print(work(values, rest) if positional else work(values))
    except (ValueError, OSError, flags.Error) as error:
        if os.environ.get(_TRACEBACK):
            traceback.print_exc()
        print(f"{program}: {_with_flag(one_line(error), values)}", file=sys.stderr)
        return 2
    except WorkFailed as error:
        print(f"{program}: {one_line(error)}", file=sys.stderr)
        return 1
    except BrokenProcessPool:
        print(
            f"{program}: a worker process died, perhaps for want of memory; {take_up}, "
            "with fewer --workers if it happens again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"{program}: interrupted; {take_up}", file=sys.stderr)
        return 130
    return 0


def list_under(values: flags.FlagValues, stage: str, holders: Iterable[flags.FlagHolder]) -> None:
    """Lets the help list these flags under a stage."""
    for holder in holders:
        values.register_flag_by_module(stage, values[holder.name])


def split_identifiers(text: str) -> tuple[str, ...]:
    """Splits at commas, but not at those between the brackets of a measure's parameters."""
    return tuple(part.strip() for part in re.split(r",(?![^\[]*\])", text) if part.strip())


def help_text(values: flags.FlagValues, stages: Sequence[str]) -> str:
    """All flags, by stage."""
    return "\n".join(values.module_help(stage) for stage in stages)


def _with_flag(line: str, values: flags.FlagValues) -> str:
    """A message about a function's argument, as one about the flag of the same name."""
    named = re.match(r"(\w+)(?==|: )", line)
    return f"--{line}" if named and named[1] in values else line


def one_line(error: Exception) -> str:
    """What is wrong, for a person."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
