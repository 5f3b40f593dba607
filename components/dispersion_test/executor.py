"""What the TFX component does."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.dispersion_test.step import dispersion_test
from components.execution_parameters import step_parameters


class Executor(base_executor.BaseExecutor):
    """Tests the Anna Karenina principle."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes what the test found, and the verdict as a value.

        Args:
            input_dict: `matrices`, one `SimilarityMatrices`, and `members`, `TrainedMember`s.
            output_dict: `outcome`, one `DispersionOutcome`, and `verdict`, one `String`.
            exec_properties: the parameters of the step, and `code_version`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        outcome = artifact_utils.get_single_instance(output_dict["outcome"])
        verdict = dispersion_test(
            artifact_utils.get_single_uri(input_dict["matrices"]),
            [member.uri for member in input_dict["members"]],
            outcome.uri,
            **step_parameters(exec_properties),
        )
        outcome.verdict = verdict
        artifact_utils.get_single_instance(output_dict["verdict"]).value = verdict
