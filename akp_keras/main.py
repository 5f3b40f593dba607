"""Runs an experiment: `python -m akp_keras.main --flagfile=exp.flags`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from absl import flags

PROGRAM = "akp_keras"


def main(arguments: Sequence[str]) -> int:
    """Runs the experiment that the flags describe.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The exit code: 0 when all is done, 2 for wrong input, 1 where the machine failed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from akp_keras.executors import limit_linear_algebra

    limit_linear_algebra()
    from akp_keras.command_line import run_command
    from akp_keras.experiment.flags import STAGES, define_flags

    return run_command(
        arguments,
        program=PROGRAM,
        description=__doc__,
        define_flags=define_flags,
        stages=STAGES,
        work=_run,
    )


def _run(values: flags.FlagValues) -> str:
    from akp_keras.experiment.flags import execution_from_flags, settings_from_flags
    from akp_keras.experiment.run import run_experiment

    return run_experiment(settings_from_flags(values), execution_from_flags(values))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
