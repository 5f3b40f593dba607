"""Runs an experiment: `python -m akp_keras.main --flagfile=exp.flags`, or `akp run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from akp_keras.command_line import Command, run_command
from akp_keras.executors import limit_linear_algebra
from akp_keras.hints import hint


def main(arguments: Sequence[str], *, program: str = "akp_keras") -> int:
    """Runs the experiment that the flags describe.

    Args:
        arguments: the command line without the program's name.
        program: the name that stands before every message.

    Returns:
        The exit code: 0 when all is done, 2 for wrong input, 1 where the machine failed.
    """
    # NumPy reads the number of threads when it is imported.
    limit_linear_algebra()
    from akp_keras.settings.flags import define_flags, group_from_flags, stages_of
    from akp_keras.settings.groups import Experiment, Running

    def work(values: object) -> str:
        from akp_keras.steps.local import run_steps
        from akp_keras.steps.summary import summarise_run

        experiment = group_from_flags(Experiment, values)
        return summarise_run(experiment, run_steps(experiment, group_from_flags(Running, values)))

    command = Command(
        program=program,
        description=__doc__,
        define_flags=lambda values: define_flags(values, Experiment, Running),
        stages=stages_of(Experiment, Running),
        work=work,
    )
    return run_command(command, arguments)


def akp(arguments: Sequence[str] | None = None) -> int:
    """Runs an experiment or one of its steps: `akp run …`, `akp STEP …`.

    Args:
        arguments: the command line without the program's name; by default that of this process.

    Returns:
        The exit code, as `main` has it.
    """
    limit_linear_algebra()
    from akp_keras.steps.command import run_step
    from akp_keras.steps.experiment import STEPS

    command, *rest = sys.argv[1:] if arguments is None else arguments or ["--help"]
    steps = {step.name: step for step in STEPS}
    if command == "run":
        return main(rest, program="akp run")
    if command in steps:
        return run_step(steps[command], rest)
    if command in ("--help", "-h", "help"):
        summaries = {"run": "Runs an experiment."} | {
            name: step.description.splitlines()[0] for name, step in steps.items()
        }
        print("akp COMMAND --flag=…; akp COMMAND --help lists its flags.\n")
        print("\n".join(f"  {name:<22}{text}" for name, text in summaries.items()))
        return 0
    print(f"akp: {command!r} is not a command; {hint(command, ['run', *steps])}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
