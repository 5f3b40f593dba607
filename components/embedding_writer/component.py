"""The TFX component."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter

from components import artifacts
from components.embedding_writer import executor
from components.embedding_writer.step import embedding_writer
from components.execution_parameters import execution_parameters


class EmbeddingWriterSpec(types.ComponentSpec):
    """What `EmbeddingWriter` takes and gives."""

    PARAMETERS: ClassVar = execution_parameters(embedding_writer)
    INPUTS: ClassVar = {
        "matrices": ChannelParameter(type=artifacts.SimilarityMatrices),
        "members": ChannelParameter(type=artifacts.TrainedMember),
        "outcome": ChannelParameter(type=artifacts.DispersionOutcome),
        "probe": ChannelParameter(type=artifacts.ProbeSet),
    }
    OUTPUTS: ClassVar = {"log": ChannelParameter(type=artifacts.EmbeddingLog)}


class EmbeddingWriter(base_component.BaseComponent):
    """Writes the log directory that shows an experiment in TensorBoard.

    Outputs:
        log: one `EmbeddingLog`.
    """

    SPEC_CLASS = EmbeddingWriterSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        matrices: types.BaseChannel,
        members: types.BaseChannel,
        outcome: types.BaseChannel,
        probe: types.BaseChannel,
        *,
        code_version: str,
        **parameters: Any,
    ) -> None:
        """Makes the component.

        Args:
            matrices: one `SimilarityMatrices`.
            members: the `TrainedMember`s that they compare.
            outcome: one `DispersionOutcome`.
            probe: one `ProbeSet`.
            code_version: what the result follows from beside the parameters.
            **parameters: those of `components.embedding_writer.step.embedding_writer`, all of
                them but `workers`.
        """
        super().__init__(
            EmbeddingWriterSpec(
                matrices=matrices,
                members=members,
                outcome=outcome,
                probe=probe,
                code_version=code_version,
                **parameters,
                log=types.Channel(type=artifacts.EmbeddingLog),
            )
        )
