"""The TFX component."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.component_spec import ChannelParameter
from tfx.types.system_executions import Train

from components import artifacts
from components.execution_parameters import execution_parameters
from components.family_trainer import executor
from components.family_trainer.step import family_trainer


class FamilyTrainerSpec(types.ComponentSpec):
    """What `FamilyTrainer` takes and gives."""

    PARAMETERS: ClassVar = execution_parameters(family_trainer)
    INPUTS: ClassVar = {}
    OUTPUTS: ClassVar = {"trained": ChannelParameter(type=artifacts.TrainedMember)}
    TYPE_ANNOTATION = Train


class FamilyTrainer(base_component.BaseComponent):
    """Trains members of one family.

    Outputs:
        trained: one `TrainedMember` a member.
    """

    SPEC_CLASS = FamilyTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, *, code_version: str, **parameters: Any) -> None:
        """Makes the component.

        Args:
            code_version: what the result follows from beside the parameters.
            **parameters: those of `components.family_trainer.step.family_trainer`, all of them
                but `workers`.
        """
        super().__init__(
            FamilyTrainerSpec(
                code_version=code_version,
                **parameters,
                trained=types.Channel(type=artifacts.TrainedMember),
            )
        )
