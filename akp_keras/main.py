"""Run an experiment: `python -m akp_keras.main --flagfile=exp.flags`, or `akp run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from akp_keras import __version__
from akp_keras.executors import limit_linear_algebra
from akp_keras.failures import MembersFailed
from akp_keras.hints import hint


def main(arguments: Sequence[str], *, program: str = "akp_keras") -> int:
    """Run the experiment that the flags describe.

    Args:
        arguments: the command line without the program's name.
        program: prefix of every message.

    Returns:
        The exit code, as `akp_keras.command_line.run_command` returns it.
    """
    # NumPy reads the number of threads when it is imported.
    limit_linear_algebra()
    from akp_keras.settings.flags import run_with_settings
    from akp_keras.settings.groups import Experiment, Running
    from akp_keras.steps.local import run_steps

    def work(experiment: Experiment, running: Running) -> str:
        directory = run_steps(experiment, running)
        from akp_keras.run import open_run

        run = open_run(directory.root)
        if failed := run.failed:
            raise MembersFailed(
                f"{len(failed)} of {len(run.records)} members failed: "
                + "; ".join(f"{name} ({reason})" for name, reason in failed.items()),
                run.summary(),
            )
        return run.summary()

    groups = (Experiment, Running)
    return run_with_settings(work, groups, arguments, program=program, description=__doc__)


def akp(arguments: Sequence[str] | None = None) -> int:
    """Run an experiment or one of its steps: `akp run …`, `akp STEP …`.

    Args:
        arguments: the command line without the program's name; by default that of this process.

    Returns:
        The exit code, as `main` returns it.
    """
    limit_linear_algebra()
    from akp_keras.steps.command import run_step
    from akp_keras.steps.experiment import STEPS
    from akp_keras.steps.provenance import PROVENANCE, run_provenance

    command, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    steps = {step.name: step for step in STEPS}
    if command == "--version":
        print(f"akp_keras {__version__}")
        return 0
    if command == "run":
        return main(rest, program="akp run")
    if command in PROVENANCE:
        return run_provenance(command, rest)
    if command in steps:
        return run_step(steps[command], rest)
    if command not in ("--help", "-h", "help"):
        print(
            f"akp: {command!r} is not a command; {hint(command, ['run', *PROVENANCE, *steps])}",
            file=sys.stderr,
        )
        return 2
    print("akp COMMAND --flag=…; akp COMMAND --help lists the flags of a command.\n")
    print("  run                   Run an experiment; --flagfile=exp.flags holds its flags.")
    for name, answer in PROVENANCE.items():
        print(f"  {name:<22}{answer.__doc__.splitlines()[0]}")
    for name, step in steps.items():
        print(f"  {name:<22}{step.description.splitlines()[0]}")
    return 0


def run_component(step: str) -> int:
    """Run a step as `python -m components.STEP …`; return the exit code."""
    limit_linear_algebra()
    from akp_keras.steps.command import run_step
    from akp_keras.steps.experiment import step_named

    return run_step(step_named(step), sys.argv[1:], program=f"components.{step}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
