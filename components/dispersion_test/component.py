"""The TFX component."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter
from tfx.types.system_executions import Evaluate

from components import artifacts
from components.dispersion_test import executor
from components.dispersion_test.step import dispersion_test
from components.execution_parameters import execution_parameters


class DispersionTestSpec(types.ComponentSpec):
    """What `DispersionTest` takes and gives."""

    PARAMETERS: ClassVar = execution_parameters(dispersion_test)
    INPUTS: ClassVar = {
        "matrices": ChannelParameter(type=artifacts.SimilarityMatrices),
        "members": ChannelParameter(type=artifacts.TrainedMember),
    }
    OUTPUTS: ClassVar = {
        "outcome": ChannelParameter(type=artifacts.DispersionOutcome),
        "verdict": ChannelParameter(type=standard_artifacts.String),
    }
    TYPE_ANNOTATION = Evaluate


class DispersionTest(base_component.BaseComponent):
    """Tests the Anna Karenina principle at every layer and under every measure.

    Outputs:
        outcome: one `DispersionOutcome`.
        verdict: one `String`: "AKP", "anti-AKP", "neither" or "undecidable". A step runs on one
            of them alone within
            `Cond(test.outputs["verdict"].future()[0].value == "AKP")`.
    """

    SPEC_CLASS = DispersionTestSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        matrices: types.BaseChannel,
        members: types.BaseChannel,
        *,
        code_version: str,
        **parameters: Any,
    ) -> None:
        """Makes the component.

        Args:
            matrices: one `SimilarityMatrices`.
            members: the `TrainedMember`s that they compare.
            code_version: what the result follows from beside the parameters.
            **parameters: those of `components.dispersion_test.step.dispersion_test`, all of them.
        """
        super().__init__(
            DispersionTestSpec(
                matrices=matrices,
                members=members,
                code_version=code_version,
                **parameters,
                outcome=types.Channel(type=artifacts.DispersionOutcome),
                verdict=types.Channel(type=standard_artifacts.String),
            )
        )
