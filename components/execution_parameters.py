"""The parameters of a step in TFX: those of its function, so that they are written once."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from tfx.types.component_spec import ExecutionParameter

CODE_VERSION = "code_version"


def execution_parameters(function: Callable[..., Any]) -> dict[str, ExecutionParameter]:
    """Declares the keyword-only parameters of a step's function, and the code version.

    A parameter with a default has to be given all the same: TFX does not record defaults, so a
    result that follows from one would be served from the cache after the default has changed.
    Only what may be None may be left out.

    Args:
        function: the step's function; its keyword-only parameters are int, float or str, or one
            of these or None. `workers` is passed over: nothing follows from it.

    Returns:
        Name -> declaration, for a component's specification.
    """
    types = typing.get_type_hints(function)
    declared = {CODE_VERSION: ExecutionParameter(type=str)}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name != "workers":
            kinds = [kind for kind in typing.get_args(types[name]) if kind is not type(None)]
            (kind,) = kinds or [types[name]]
            declared[name] = ExecutionParameter(type=kind, optional=bool(kinds))
    return declared


def step_parameters(exec_properties: Mapping[str, Any]) -> dict[str, Any]:
    """What an execution passes to its step's function.

    Args:
        exec_properties: parameters by name; those that are None were not given.

    Returns:
        Those given, without the code version, which tells executions apart and nothing more.
    """
    return {
        name: value
        for name, value in exec_properties.items()
        if name != CODE_VERSION and value is not None
    }
