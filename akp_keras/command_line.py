"""Commands: flags by stage, errors in one line, and an exit code per kind of error."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from absl import flags

from akp_keras.executors import limit_linear_algebra
from akp_keras.failures import MembersFailed, machine_failure, one_line

_TRACEBACK = "AKP_KERAS_TRACEBACK"
_HELP = {"--help", "-h", "--helpfull", "-help"}
DONE, MACHINE_FAILED, WRONG_INPUT, MEMBERS_FAILED, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Command:
    """The declaration of a command.

    Attributes:
        program: prefix of every message.
        description: text above the flags in `--help`.
        define_flags: defines the flags, each registered under a stage.
        stages: the stages in the order of `--help`.
        work: does the work and returns the text to print on standard output. It raises a
            ValueError, whose message is one line, for wrong input.
        resume: what to do after an interruption.
        positional: whether arguments that are not flags are accepted; `work` gets them as a list.
    """

    program: str
    description: str | None
    define_flags: Callable[[flags.FlagValues], None]
    stages: Sequence[str]
    work: Callable[..., Any]
    resume: str = "run again to resume"
    positional: bool = False


def run_command(command: Command, arguments: Sequence[str]) -> int:
    """Read flags, do the work and print what it returns.

    Args:
        command: the command.
        arguments: the command line without the program's name.

    Returns:
        The exit code: 0 if the work was done, 1 if the machine failed (disk, memory, cluster),
        2 for wrong input, 3 if the work was done but members failed, 130 if interrupted.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_linear_algebra()
    program = command.program
    values = flags.FlagValues()
    command.define_flags(values)
    if _HELP & set(arguments):
        stages = "\n".join(values.module_help(stage) for stage in command.stages)
        print(f"{command.description}\n{stages}")
        return 0
    try:
        print(command.work(values, *_parse(values, command, arguments)))
    except KeyboardInterrupt:
        print(f"{program}: interrupted; {command.resume}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            traceback.print_exc()
        if reason := machine_failure(error):
            fewer = ", with fewer --workers if it happens again" if "memory" in reason else ""
            print(f"{program}: {reason}; {command.resume}{fewer}", file=sys.stderr)
            return MACHINE_FAILED
        if not isinstance(error, ValueError | OSError | flags.Error):
            raise
        failed = isinstance(error, MembersFailed)
        if failed and error.answer:
            print(error.answer)
        print(f"{program}: {_with_flag(one_line(error), values)}", file=sys.stderr)
        return MEMBERS_FAILED if failed else WRONG_INPUT
    return DONE


def _parse(
    values: flags.FlagValues, command: Command, arguments: Sequence[str]
) -> tuple[list[str], ...]:
    try:
        rest = values([command.program, *arguments])[1:]
    except UnicodeDecodeError as error:
        raise ValueError("--flagfile is not a text file; it holds one flag per line") from error
    if command.positional:
        return (rest,)
    if rest:
        raise ValueError(f"{rest[0]!r} is not a flag; flags begin with --")
    return ()


def _with_flag(line: str, values: flags.FlagValues) -> str:
    """Turn a message about a function's argument into one about the flag of the same name."""
    named = re.match(r"(\w+)(?==|: )", line)
    return f"--{line}" if named and named[1] in values else line
