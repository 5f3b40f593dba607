"""What the TFX component does."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.execution_parameters import step_parameters
from components.report.step import report


class Executor(base_executor.BaseExecutor):
    """Writes the page of an experiment."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the page.

        Args:
            input_dict: `matrices`, `members`, `outcome`, `probe` and perhaps `log`, as the
                component's inputs.
            output_dict: `report`, one `ExperimentReport`.
            exec_properties: the parameters of the step, and `code_version`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        report(
            artifact_utils.get_single_uri(input_dict["matrices"]),
            [member.uri for member in input_dict["members"]],
            artifact_utils.get_single_uri(input_dict["outcome"]),
            artifact_utils.get_single_uri(input_dict["probe"]),
            artifact_utils.get_single_uri(output_dict["report"]),
            artifact_utils.get_single_uri(input_dict["log"]) if input_dict.get("log") else None,
            **step_parameters(exec_properties),
        )
