"""Functions of users, named `package.module:function`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from akp_keras.hints import hint

_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")
_LONGEST_MESSAGE = 300


def is_function_name(name: str) -> bool:
    """Return whether a name has the form `package.module:function`; import nothing."""
    return _NAME.fullmatch(name) is not None


def call_function(name: str, offered: Mapping[str, Any]) -> Any:
    """Call a function by its name, with those of the offered keywords that it takes.

    Args:
        name: `package.module:function`. The module is installed, or lies below the current folder.
        offered: keyword -> value.

    Returns:
        What the function returns.

    Raises:
        ValueError: in one line, if there is no such function, if importing or calling it raises
            anything, or if it requires an argument that is not offered.
    """
    function = _import_function(name)
    try:
        return function(**_taken(name, function, offered))
    except (Exception, SystemExit) as error:  # the code of users may raise anything
        if isinstance(error, _NotOffered):
            raise
        raise ValueError(f"{name} raised {describe_error(error)}") from error


def source_file(name: str) -> Path | None:
    """Return the file of a function's module; None for a module without one.

    Raises:
        ValueError: in one line, if there is no such module.
    """
    module_name = name.partition(":")[0]
    _make_current_folder_importable()
    try:
        specification = importlib.util.find_spec(module_name)
    except (Exception, SystemExit) as error:  # parent packages are imported
        raise _not_imported(module_name, error) from error
    if specification is None:
        raise _no_module(module_name)
    return Path(specification.origin) if specification.has_location else None


def describe_error(error: BaseException) -> str:
    """Return type and message of any exception in one line."""
    message = " ".join(str(error).split())[:_LONGEST_MESSAGE]
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class _NotOffered(ValueError):
    pass


def _import_function(name: str) -> Callable[..., Any]:
    module_name, _, function_name = name.partition(":")
    _make_current_folder_importable()
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise _not_imported(module_name, error) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        own = [
            known
            for known, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", None) == module_name
        ]
        raise ValueError(
            f"module {module_name!r} has no function {function_name!r}; {hint(function_name, own)}"
        )
    return function


def _taken(name: str, function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(offered)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for parameter in named:
        if parameter.default is parameter.empty and parameter.name not in offered:
            raise _NotOffered(
                f"{name} requires the argument {parameter.name!r}; it is called with "
                f"{', '.join(offered) or 'no arguments'}, so give the argument a default"
            )
    return {p.name: offered[p.name] for p in named if p.name in offered}


def _make_current_folder_importable() -> None:
    # The command `akp` starts without it. At the end, it cannot hide an installed module.
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
        importlib.invalidate_caches()


def _not_imported(module_name: str, error: BaseException) -> ValueError:
    missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{module_name}.".startswith(f"{missing}."):
        return _no_module(module_name)
    return ValueError(f"importing module {module_name!r} raised {describe_error(error)}")


def _no_module(module_name: str) -> ValueError:
    return ValueError(
        f"there is no module {module_name!r}, neither installed nor below the current folder "
        f"{Path.cwd()}"
    )
