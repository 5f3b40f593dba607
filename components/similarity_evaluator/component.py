"""The TFX component."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.artifact import Artifact
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.types.system_executions import Evaluate

from akp_keras.comparison.saved_models import find_saved_models
from akp_keras.export.files_below import content_digest
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
        # A path alone would let the cache give the result of what lay there before.
        "content": ExecutionParameter(type=str, optional=True),
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
            saved_models: in place of `models`: folders, patterns or tables of SavedModels.
            probe_file: in place of `probe`: path of an `.npz` or `.npy` file. What lies at
                these paths when the component is made is digested into the parameter
                `content`, so that TFX's cache gives no result of other files. For what is not
                on this machine then, or is written later, say by `code_version` when it changes.
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
                content=_content(saved_models or (), probe_file),
                **parameters,
                matrices=types.Channel(type=artifacts.SimilarityMatrices),
                table=types.Channel(type=artifacts.SimilarityTable),
            )
        )


def _content(saved_models: Sequence[str], probe_file: str | None) -> str | None:
    """Digests of the models and the probe set that are given as paths and lie here now."""
    digests = {}
    # What is wrong with them is said when the step runs, perhaps elsewhere.
    with contextlib.suppress(ValueError, OSError):
        if saved_models:
            for model in find_saved_models(saved_models):
                digests[model.name] = content_digest(model.path)
    with contextlib.suppress(ValueError, OSError):
        if probe_file is not None:
            digests[""] = content_digest(probe_file)
    if not digests:
        return None
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()
