"""Settings as absl flags, and commands whose flags are settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from absl import flags

from akp_keras.command_line import Command, run_command
from akp_keras.settings.field import Group, Setting, declarations

STAGES = (
    "families",
    "data",
    "training",
    "similarity",
    "dispersion and verdict",
    "tensorboard",
    "running",
)
_Group = TypeVar("_Group", bound=Group)


def run_with_settings(
    work: Callable[..., str],
    groups: Sequence[type[Group]],
    arguments: Sequence[str],
    *,
    program: str,
    description: str | None,
) -> int:
    """Run a command whose flags are settings.

    Args:
        work: called with one instance per class of settings; returns the text to print.
        groups: the classes of settings.
        arguments: the command line without the program's name.
        program: as in `Command`.
        description: as in `Command`.

    Returns:
        The exit code, as `run_command` returns it.
    """
    command = Command(
        program,
        description,
        define_flags=lambda values: define_flags(values, *groups),
        stages=stages_of(*groups),
        work=lambda values: work(*(group_from_flags(group, values) for group in groups)),
    )
    return run_command(command, arguments)


def define_flags(values: flags.FlagValues, *groups: type[Group]) -> None:
    """Define one flag per setting, listed under its stage; groups may share settings."""
    for group in groups:
        for declared in declarations(group):
            if declared.flag not in values:
                list_under(values, declared.stage, _define(values, declared))


def group_from_flags(group: type[_Group], values: flags.FlagValues) -> _Group:
    """Create settings from parsed flags; raise as `Setting.check` does."""
    return group(**{declared.name: values[declared.flag].value for declared in declarations(group)})


def list_under(values: flags.FlagValues, stage: str, holder: flags.FlagHolder) -> None:
    """List a flag under a stage of `--help`."""
    values.register_flag_by_module(stage, values[holder.name])


def stages_of(*groups: type[Group]) -> list[str]:
    """Return the headings of `--help` for classes of settings, in order."""
    stages = dict.fromkeys(declared.stage for group in groups for declared in declarations(group))
    return sorted(stages, key=lambda stage: STAGES.index(stage) if stage in STAGES else len(STAGES))


def _define(values: flags.FlagValues, declared: Setting) -> flags.FlagHolder:
    # Numbers stay text until `Setting.check` reads them, so that its messages are the only ones.
    define, default = flags.DEFINE_string, declared.default
    if declared.kind is bool:
        define = flags.DEFINE_boolean
    elif declared.several and declared.separator == "\n":
        define, default = flags.DEFINE_multi_string, list(default)
    elif default is not None:
        default = declared.text(default)
    bounds = declared.bounds()
    text = f"{declared.help} ({bounds})" if bounds else declared.help
    return define(declared.flag, default, text, flag_values=values)
