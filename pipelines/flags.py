"""Flags that both pipelines have."""

from __future__ import annotations

from importlib.util import find_spec

from absl import flags

PIPELINE_STAGE = "pipeline"


def define_code_version(values: flags.FlagValues) -> flags.FlagHolder:
    """Defines `--code_version`."""
    return flags.DEFINE_string(
        "code_version",
        None,
        "What results follow from beside flags and data; by default a hash of the sources of "
        "akp_keras and of the versions of the libraries that compute.",
        flag_values=values,
    )


def code_version_from(values: flags.FlagValues) -> str:
    """The code version that was given, or that of this code."""
    from akp_keras.code_version import code_version

    return values.code_version or code_version()


def require_extra(package: str, extra: str) -> None:
    """Makes sure that an orchestrator is installed.

    Raises:
        ValueError: if it is not, in one line that says how to install it.
    """
    if find_spec(package) is None:
        raise ValueError(
            f"{package} is not installed; docs/pipelines.md says how: pip install "
            f"'akp-keras[{extra}]'"
        )
