"""Runs an experiment: `python -m akp_keras.main --flagfile=exp.flags`."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool

PROGRAM = "akp_keras"
_TRACEBACK = "AKP_KERAS_TRACEBACK"


def main(arguments: Sequence[str]) -> int:
    """Runs the experiment that the flags describe.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The exit code: 0 when all is done, 2 for wrong input, 1 where the machine failed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from akp_keras.experiment.executors import limit_linear_algebra

    limit_linear_algebra()
    from absl import flags

    from akp_keras.experiment.flags import (
        define_flags,
        execution_from_flags,
        help_text,
        settings_from_flags,
    )

    values = flags.FlagValues()
    define_flags(values)
    if {"--help", "-h", "--helpfull", "-help"} & set(arguments):
        print(f"{__doc__}\n{help_text(values)}")
        return 0
    try:
        rest = values([PROGRAM, *arguments])[1:]
        if rest:
            raise ValueError(f"{rest[0]!r} is no flag; flags begin with --")
        settings, execution = settings_from_flags(values), execution_from_flags(values)
        from akp_keras.experiment.run import run_experiment

        print(run_experiment(settings, execution))
    except (ValueError, OSError, flags.Error) as error:
        if os.environ.get(_TRACEBACK):
            traceback.print_exc()
        print(f"{PROGRAM}: {_one_line(error)}", file=sys.stderr)
        return 2
    except BrokenProcessPool:
        print(
            f"{PROGRAM}: a worker process died, perhaps for want of memory; run again to go on, "
            "with fewer --workers if it happens again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted; run again to go on", file=sys.stderr)
        return 130
    return 0


def _one_line(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "--flagfile is no text file; it holds one flag a line"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
