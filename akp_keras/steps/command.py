"""A step as a command: `akp STEP --flag=…`, or `python -m components.STEP`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from absl import flags

from akp_keras.command_line import Command, run_command
from akp_keras.settings.field import split_at_commas
from akp_keras.settings.flags import define_flags, group_from_flags, list_under, stages_of
from akp_keras.steps.step import Input, Step

_FILES = "files"
_WHOLE = "The folder to write; it is created whole or not at all."
_RESUMED = "The folder to write; what is complete in it is kept, and the next run resumes."


def run_step(step: Step, arguments: Sequence[str], *, program: str | None = None) -> int:
    """Run a step with the settings and files that its flags name.

    Args:
        step: the step.
        arguments: the command line without the program's name.
        program: prefix of every message; by default `akp STEP`.

    Returns:
        The exit code, as `run_command` returns it.
    """
    output_help = _WHOLE if step.whole else _RESUMED

    def define(values: flags.FlagValues) -> None:
        for name, declared in step.inputs.items():
            holder = (flags.DEFINE_multi_string if declared.repeated else flags.DEFINE_string)(
                declared.flag or name,
                [] if declared.repeated else None,
                step.help_of(name),
                flag_values=values,
            )
            list_under(values, _FILES, holder)
        output = flags.DEFINE_string("output", None, output_help, flag_values=values)
        list_under(values, _FILES, output)
        define_flags(values, step.settings)

    def work(values: flags.FlagValues) -> str:
        inputs = {
            name: _paths(declared, values[declared.flag or name].value)
            for name, declared in step.inputs.items()
        }
        if not values.output:
            raise ValueError(f"--output is missing: {output_help}")
        step.check_inputs(inputs)
        facts = step.run(values.output, group_from_flags(step.settings, values), inputs)
        return step.answer(facts, values.output)

    command = Command(
        program=program or f"akp {step.name}",
        description=step.description,
        define_flags=define,
        stages=[_FILES, *stages_of(step.settings)],
        work=work,
        resume="run again" if step.whole else "run again to resume",
    )
    return run_command(command, arguments)


def _paths(declared: Input, value: Any) -> Any:
    if declared.repeated:
        return value if all(value) else []
    if declared.several and value:
        return split_at_commas(value)
    return value
