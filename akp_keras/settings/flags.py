"""Settings as absl flags, and commands that are made of them."""

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
_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}
_Group = TypeVar("_Group", bound=Group)


def run_with_settings(
    work: Callable[..., str],
    groups: Sequence[type[Group]],
    arguments: Sequence[str],
    *,
    program: str,
    description: str | None,
) -> int:
    """Runs a command whose flags are settings.

    Args:
        work: called with an instance of each class of settings; returns what is printed.
        groups: the classes.
        arguments: the command line without the program's name.
        program: as `Command` has it.
        description: as `Command` has it.

    Returns:
        The exit code, as `run_command` has it.
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
    """Defines a flag for each setting, listed under its stage; a setting of several is one flag."""
    for declared in (one for group in groups for one in declarations(group)):
        if declared.flag not in values:
            list_under(values, declared.stage, _define(values, declared))


def group_from_flags(group: type[_Group], values: flags.FlagValues) -> _Group:
    """Makes settings of parsed flags.

    Raises:
        ValueError: in one line that names the flag, what is wrong, and what would be right.
    """
    return group(**{one.name: values[one.flag].value for one in declarations(group)})


def list_under(values: flags.FlagValues, stage: str, holder: flags.FlagHolder) -> None:
    """Lets the help list a flag under a stage."""
    values.register_flag_by_module(stage, values[holder.name])


def stages_of(*groups: type[Group]) -> list[str]:
    """Returns the headings of the help for some classes of settings, in order."""
    stages = dict.fromkeys(one.stage for group in groups for one in declarations(group))
    return sorted(stages, key=lambda stage: STAGES.index(stage) if stage in STAGES else len(STAGES))


def _define(values: flags.FlagValues, declared: Setting) -> flags.FlagHolder:
    define, default = _DEFINE[declared.kind], declared.default
    if declared.several and declared.separator == "\n":
        define, default = flags.DEFINE_multi_string, list(default)
    elif declared.several:
        default = declared.text(default)
    bounds = declared.bounds()
    text = f"{declared.help} ({bounds})" if bounds else declared.help
    return define(declared.flag, default, text, flag_values=values)
