"""Settings as absl flags."""

from __future__ import annotations

from typing import Any, TypeVar

from absl import flags

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


def define_flags(values: flags.FlagValues, *groups: type[Group]) -> None:
    """Defines a flag for each setting; each is listed under its stage.

    Args:
        values: where the flags are defined.
        *groups: the classes of settings; a setting of several classes is one flag.
    """
    for group in groups:
        for declared in declarations(group):
            if declared.flag not in values:
                list_under(values, declared.stage, _define(values, declared))


def group_from_flags(group: type[_Group], values: flags.FlagValues, **given: Any) -> _Group:
    """Makes settings of flags.

    Args:
        group: the class of settings.
        values: the flags, parsed.
        **given: values by the names of fields, in place of those of the flags.

    Raises:
        ValueError: in one line that names the flag, what is wrong, and what would be right.
    """
    parsed = {
        declared.name: values[declared.flag].value
        for declared in declarations(group)
        if declared.flag in values
    }
    return group(**(parsed | given))


def list_under(values: flags.FlagValues, stage: str, *holders: flags.FlagHolder) -> None:
    """Lets the help list flags under a stage."""
    for holder in holders:
        values.register_flag_by_module(stage, values[holder.name])


def stages_of(*groups: type[Group]) -> list[str]:
    """Returns the headings of the help for some classes of settings, in order."""
    stages = dict.fromkeys(setting.stage for group in groups for setting in declarations(group))
    return sorted(stages, key=lambda stage: STAGES.index(stage) if stage in STAGES else -1)


def _define(values: flags.FlagValues, declared: Setting) -> flags.FlagHolder:
    define = {int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}[
        declared.kind
    ]
    default, bounds = declared.default, declared.bounds()
    if declared.several and declared.separator == "\n":
        define, default = flags.DEFINE_multi_string, list(default)
    elif declared.several:
        default = declared.text(default)
    text = f"{declared.help} ({bounds})" if bounds else declared.help
    return define(declared.flag, default, text, flag_values=values)
