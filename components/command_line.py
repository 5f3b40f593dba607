"""A step as a command: `python -m components.<step> --flag=…`."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags

from akp_keras.command_line import list_under, run_command
from akp_keras.executors import limit_linear_algebra

# Flags that several steps take.
MATRICES = {"matrices": "Folder with <layer>/<measure>.npz, as similarity_evaluator writes it."}
MEMBERS = {
    "members": "Folders of members, of families or of a whole run, or patterns of them "
    "(RUN/members/*/*), with commas between."
}
OUTCOME = {"outcome": "dispersion.json, or the folder that holds it, of dispersion_test."}
PROBE = {"probe": "probe.npz, or the folder that holds it, of probe_set."}
MEASURES = {
    "measures": ("", "Ids of measures, with commas between, the leading one first; empty for all.")
}


def run_step(
    arguments: Sequence[str],
    *,
    step: str,
    description: str | None,
    inputs: Mapping[str, str],
    options: Mapping[str, tuple[str | int | None, str]] | None = None,
    shared: Sequence[str] = (),
    answer: Callable[[Any, str], str] = lambda result, output: output,
) -> int:
    """Reads flags and calls `components.<step>.step.<step>` with them.

    Args:
        arguments: the command line without the program's name.
        step: name of the component; its function has the flags' names as its parameters.
        description: what stands above the flags in the help.
        inputs: flag -> help, of texts that must be given. `--output` is always among them.
        options: flag -> (default, help), of texts and whole numbers that need not be given.
        shared: flags of `akp_keras.main` that the step takes, with their defaults and help.
        answer: what is printed of the function's result and the output folder.

    Returns:
        The exit code, as `akp_keras.command_line.run_command` gives it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    limit_linear_algebra()
    needed = {**inputs, "output": "The folder to write; it appears whole or not at all."}

    def define(values: flags.FlagValues) -> None:
        for name, (default, text) in [
            *((name, (None, text)) for name, text in needed.items()),
            *(options or {}).items(),
        ]:
            kind = flags.DEFINE_integer if isinstance(default, int) else flags.DEFINE_string
            list_under(values, step, [kind(name, default, text, flag_values=values)])
        _take_over(values, step, shared)

    def work(values: flags.FlagValues) -> str:
        for name, text in needed.items():
            if not values[name].value:
                raise ValueError(f"--{name} is missing: {text}")
        function = getattr(importlib.import_module(f"components.{step}.step"), step)
        given = {name: values[name].value for name in (*needed, *(options or {}), *shared)}
        if MEMBERS.keys() <= inputs.keys():
            given["members"] = given["members"].split(",")
        return answer(function(**given), values.output)

    return run_command(
        arguments,
        program=f"components.{step}",
        description=description,
        define_flags=define,
        stages=[step],
        work=work,
        take_up="run again",
    )


def _take_over(values: flags.FlagValues, step: str, names: Sequence[str]) -> None:
    from akp_keras.experiment.flags import define_flags

    defined = flags.FlagValues()
    define_flags(defined)
    for name in names:
        values[name] = defined[name]
        values.register_flag_by_module(step, values[name])
