"""The TFX component."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter

from components import artifacts
from components.execution_parameters import execution_parameters
from components.report import executor
from components.report.step import report


class ReportWriterSpec(types.ComponentSpec):
    """What `ReportWriter` takes and gives."""

    PARAMETERS: ClassVar = execution_parameters(report)
    INPUTS: ClassVar = {
        "matrices": ChannelParameter(type=artifacts.SimilarityMatrices),
        "members": ChannelParameter(type=artifacts.TrainedMember),
        "outcome": ChannelParameter(type=artifacts.DispersionOutcome),
        "probe": ChannelParameter(type=artifacts.ProbeSet),
        "log": ChannelParameter(type=artifacts.EmbeddingLog, optional=True),
    }
    OUTPUTS: ClassVar = {"report": ChannelParameter(type=artifacts.ExperimentReport)}


class ReportWriter(base_component.BaseComponent):
    """Writes the page of an experiment.

    Outputs:
        report: one `ExperimentReport`.
    """

    SPEC_CLASS = ReportWriterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        matrices: types.BaseChannel,
        members: types.BaseChannel,
        outcome: types.BaseChannel,
        probe: types.BaseChannel,
        log: types.BaseChannel | None = None,
        *,
        code_version: str,
        **parameters: Any,
    ) -> None:
        """Makes the component.

        Args:
            matrices: one `SimilarityMatrices`.
            members: the `TrainedMember`s that they compare.
            outcome: one `DispersionOutcome`.
            probe: one `ProbeSet`, which says what the data is.
            log: one `EmbeddingLog`, for the page to name.
            code_version: what the result follows from beside the parameters.
            **parameters: those of `components.report.step.report`, all of them.
        """
        super().__init__(
            ReportWriterSpec(
                matrices=matrices,
                members=members,
                outcome=outcome,
                probe=probe,
                log=log,
                code_version=code_version,
                **parameters,
                report=types.Channel(type=artifacts.ExperimentReport),
            )
        )
