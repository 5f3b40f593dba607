"""The TFX component."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.artifact import Artifact
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.system_executions import Evaluate

from components import artifacts
from components.execution_parameters import execution_parameters
from components.similarity_evaluator import executor
from components.similarity_evaluator.step import similarity_evaluator


class _AnyModels(ChannelParameter):
    """A channel of SavedModels under any artifact type: each team has its own."""

    def __init__(self) -> None:
        super().__init__(type=Artifact, optional=True)

    def type_check(self, arg_name: str, value: object) -> None:
        """Refuses what is no channel."""
        if not isinstance(value, types.BaseChannel):
            raise TypeError(f"{arg_name} must be a channel of SavedModels, not {value!r}")


class SimilarityEvaluatorSpec(types.ComponentSpec):
    """What `SimilarityEvaluator` takes and gives."""

    PARAMETERS: ClassVar = {
        **execution_parameters(similarity_evaluator),
        "saved_models": ExecutionParameter(type=str, optional=True),
        "probe_file": ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar = {
        "models": _AnyModels(),
        "probe": ChannelParameter(type=artifacts.ProbeSet, optional=True),
    }
    OUTPUTS: ClassVar = {
        "matrices": ChannelParameter(type=artifacts.SimilarityMatrices),
        "table": ChannelParameter(type=artifacts.SimilarityTable),
    }
    TYPE_ANNOTATION = Evaluate


class SimilarityEvaluator(base_component.BaseComponent):
    """Compares all pairs of exported models, whoever exported them, on a probe set.

    Outputs:
        matrices: one `SimilarityMatrices`.
        table: one `SimilarityTable`: `similarity.parquet`, `similarity.csv`, `summary.json`.
    """

    SPEC_CLASS = SimilarityEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        models: types.BaseChannel | None = None,
        probe: types.BaseChannel | None = None,
        *,
        code_version: str,
        saved_models: Sequence[str] | None = None,
        probe_file: str | None = None,
        **parameters: Any,
    ) -> None:
        """Makes the component.

        Args:
            models: artifacts that are SavedModels, or hold one in `saved_model/` (as
                `TrainedMember`s) or in `Format-Serving/` (as the `Model`s of TFX's Trainer).
            probe: one `ProbeSet`.
            code_version: what the result follows from beside the parameters.
            saved_models: in place of `models`: folders, patterns or tables of SavedModels. What
                they hold does not tell executions apart: say so by `code_version`.
            probe_file: in place of `probe`: path of an `.npz` or `.npy` file.
            **parameters: those of `components.similarity_evaluator.step.similarity_evaluator`,
                all of them but `workers`.

        Raises:
            ValueError: if models or probe are given twice, or not at all.
        """
        for one, other, names in (
            (models, saved_models, "models or saved_models"),
            (probe, probe_file, "probe or probe_file"),
        ):
            if (one is None) == (other is None):
                raise ValueError(f"give either {names}, and not both")
        super().__init__(
            SimilarityEvaluatorSpec(
                models=models,
                probe=probe,
                code_version=code_version,
                saved_models=None if saved_models is None else json.dumps(list(saved_models)),
                probe_file=probe_file,
                **parameters,
                matrices=types.Channel(type=artifacts.SimilarityMatrices),
                table=types.Channel(type=artifacts.SimilarityTable),
            )
        )
