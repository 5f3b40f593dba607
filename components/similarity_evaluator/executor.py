"""What the TFX component does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.execution_parameters import step_parameters
from components.similarity_evaluator.step import move_matrices, similarity_evaluator

# Where artifacts of models keep their SavedModel: a member here, a `Model` of TFX's Trainer.
_BELOW = ("saved_model", "Format-Serving")


class Executor(base_executor.BaseExecutor):
    """Compares exported models."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes matrices, table and summary.

        Args:
            input_dict: `models`, artifacts of any type that are or hold a SavedModel, and
                `probe`, one `ProbeSet`; either may be given as a parameter instead.
            output_dict: `matrices`, one `SimilarityMatrices`, and `table`, one `SimilarityTable`.
            exec_properties: the parameters of the step; `saved_models`, a JSON list of folders,
                patterns and tables; `probe_file`, a path; `content`, a digest of what lies there;
                and `code_version`.

        Raises:
            ValueError: in one line, if models or probe are missing or do not fit.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        parameters = step_parameters(exec_properties)
        parameters.pop("content", None)
        listed = json.loads(parameters.pop("saved_models", "[]"))
        saved_models = [_saved_model(model.uri) for model in input_dict.get("models", [])] + listed
        if not saved_models:
            raise ValueError("there is no model to compare: `models` and `saved_models` are empty")
        probe = parameters.pop("probe_file", None)
        if probe is None:
            probe = artifact_utils.get_single_uri(input_dict["probe"])
        matrices = artifact_utils.get_single_instance(output_dict["matrices"])
        table = artifact_utils.get_single_instance(output_dict["table"])

        summary = similarity_evaluator(saved_models, probe, table.uri, **parameters)
        move_matrices(table.uri, matrices.uri)

        matrices.measures = ",".join(summary["measures"])
        matrices.members = len(summary["members"])
        matrices.set_string_custom_property("layers", ",".join(summary["layers"]))
        logging.info("Compared %d models, written to %s.", len(summary["members"]), matrices.uri)


def _saved_model(uri: str) -> str:
    for name in _BELOW:
        if (Path(uri) / name / "saved_model.pb").is_file():
            return str(Path(uri) / name)
    return uri
