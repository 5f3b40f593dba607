"""What the TFX component does."""

from __future__ import annotations

import copy
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.execution_parameters import step_parameters
from components.family_trainer.step import family_trainer


class Executor(base_executor.BaseExecutor):
    """Trains members of one family."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains the members, and makes one artifact of each.

        Args:
            input_dict: empty.
            output_dict: `trained`, one `TrainedMember`, which becomes one a member.
            exec_properties: the parameters of the step, and `code_version`.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        family = artifact_utils.get_single_instance(output_dict["trained"])
        trained = family_trainer(family.uri, **step_parameters(exec_properties))
        members = []
        for member in trained:
            artifact = copy.deepcopy(family)
            artifact.uri = os.path.join(family.uri, str(member.seed))  # noqa: PTH118 - it is a URI
            artifact.family = member.family
            artifact.seed = member.seed
            artifact.random_seed = member.random_seed
            artifact.schedule = member.schedule
            members.append(artifact)
        output_dict["trained"] = members
