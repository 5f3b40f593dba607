"""What the TFX component does."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.execution_parameters import step_parameters
from components.probe_set.step import probe_set


class Executor(base_executor.BaseExecutor):
    """Draws the probe set of an experiment."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the probe set.

        Args:
            input_dict: empty.
            output_dict: `probe`, one `ProbeSet`.
            exec_properties: the parameters of the step, and `code_version`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        probe = artifact_utils.get_single_instance(output_dict["probe"])
        drawn = probe_set(probe.uri, **step_parameters(exec_properties))
        probe.dataset = exec_properties["dataset"]
        probe.samples = len(drawn.ids)
