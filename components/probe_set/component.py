"""The TFX component."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter

from components import artifacts
from components.execution_parameters import execution_parameters
from components.probe_set import executor
from components.probe_set.step import probe_set


class ProbeSetGenSpec(types.ComponentSpec):
    """What `ProbeSetGen` takes and gives."""

    PARAMETERS: ClassVar = execution_parameters(probe_set)
    INPUTS: ClassVar = {}
    OUTPUTS: ClassVar = {"probe": ChannelParameter(type=artifacts.ProbeSet)}


class ProbeSetGen(base_component.BaseComponent):
    """Draws the probe set of an experiment.

    Outputs:
        probe: one `ProbeSet`.
    """

    SPEC_CLASS = ProbeSetGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, *, code_version: str, **parameters: Any) -> None:
        """Makes the component.

        Args:
            code_version: what the result follows from beside the parameters.
            **parameters: those of `components.probe_set.step.probe_set`, all of them.
        """
        super().__init__(
            ProbeSetGenSpec(
                code_version=code_version,
                **parameters,
                probe=types.Channel(type=artifacts.ProbeSet),
            )
        )
