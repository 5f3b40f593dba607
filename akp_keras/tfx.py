"""The steps as TFX components, made from their declarations.

    from akp_keras.tfx import SimilarityEvaluator

    evaluator = SimilarityEvaluator(trainer.outputs["model"], probe_file="probe.npz")

Every setting of a step is a parameter of its component. TFX does not record defaults, and its
cache would serve results of defaults that have changed since; so all of them are passed on.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, standard_artifacts, system_artifacts, system_executions
from tfx.types.artifact import Artifact, Property, PropertyType
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from akp_keras.code_version import code_version
from akp_keras.comparison.saved_models import find_saved_models
from akp_keras.files.below import content_digest
from akp_keras.settings.field import Setting, declarations
from akp_keras.steps import products
from akp_keras.steps.experiment import (
    DISPERSION_TEST,
    EMBEDDING_WRITER,
    FAMILY_TRAINER,
    PROBE_SET,
    REPORT_STEP,
    SIMILARITY_EVALUATOR,
)
from akp_keras.steps.products import PAGE, VALUE, Product
from akp_keras.steps.step import Facts, Input, Output, Step

CODE_VERSION = "code_version"
_CONTENT = "content"
_PROPERTY_TYPES = {int: PropertyType.INT, str: PropertyType.STRING}


def _artifact_type(product: Product) -> type[Artifact]:
    """Makes the artifact type of a product."""
    return type(
        product.name,
        (Artifact,),
        {
            "__doc__": product.help,
            "__module__": __name__,
            "TYPE_NAME": product.name,
            "TYPE_ANNOTATION": getattr(system_artifacts, product.means or "None", None),
            "PROPERTIES": {
                name: Property(type=_PROPERTY_TYPES[kind])
                for name, kind in product.properties.items()
            },
        },
    )


ProbeSet = _artifact_type(products.PROBE)
TrainedMember = _artifact_type(products.MEMBER)
SimilarityMatrices = _artifact_type(products.MATRICES)
SimilarityTable = _artifact_type(products.TABLE)
DispersionOutcome = _artifact_type(products.OUTCOME)
EmbeddingLog = _artifact_type(products.LOG)
ExperimentReport = _artifact_type(products.REPORT)
_TYPES = {
    kind.TYPE_NAME: kind
    for kind in (
        ProbeSet,
        TrainedMember,
        SimilarityMatrices,
        SimilarityTable,
        DispersionOutcome,
        EmbeddingLog,
        ExperimentReport,
        standard_artifacts.String,
    )
}


class _AnyArtifacts(ChannelParameter):
    """A channel of any artifact type: each team has its own."""

    def __init__(self) -> None:
        super().__init__(type=Artifact, optional=True)

    def type_check(self, arg_name: str, value: object) -> None:
        """Refuses what is not a channel."""
        if not isinstance(value, types.BaseChannel):
            raise TypeError(f"{arg_name} must be a channel of artifacts, not {value!r}")


class StepExecutor(base_executor.BaseExecutor):
    """Does the work of a step; there is one subclass per step."""

    STEP: ClassVar[Step]

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the step's function, and records its facts as properties of the artifacts.

        Args:
            input_dict: the step's inputs by name.
            output_dict: the step's outputs by name, one artifact each; an output of several
                becomes one artifact per entry.
            exec_properties: the step's settings by the names of their flags; paths in place of
                artifacts; and `code_version`.

        Raises:
            ValueError: in one line, if an input is missing or something does not fit.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        step = self.STEP
        # What an orchestrator leaves out, as None cannot be recorded, has its default.
        settings = step.settings(
            **{
                declared.name: value
                for declared in declarations(step.settings)
                if (value := exec_properties.get(declared.flag)) is not None
            }
        )
        inputs = {
            name: _input(declared, input_dict.get(name, []), exec_properties)
            for name, declared in step.inputs.items()
        }
        folder = artifact_utils.get_single_uri(output_dict[next(iter(step.outputs))])
        facts = step.run(folder, settings, inputs)
        for name, declared in _outputs(step).items():
            output_dict[name] = _recorded(
                declared, artifact_utils.get_single_instance(output_dict[name]), name, folder, facts
            )


def _input(declared: Input, artifacts: Sequence[Artifact], parameters: Mapping[str, Any]) -> Any:
    paths = parameters.get(declared.paths) if declared.paths else None
    if declared.several:
        return [artifact.uri for artifact in artifacts] + json.loads(paths or "[]")
    return artifact_utils.get_single_uri(list(artifacts)) if artifacts else paths


def _recorded(
    declared: Output, artifact: Artifact, name: str, folder: str, facts: Facts
) -> list[Artifact]:
    if declared.product == VALUE:
        artifact.value = facts[name]
        return [artifact]
    if declared.below:
        Path(artifact.uri).mkdir(parents=True, exist_ok=True)
        below = Path(folder) / declared.below
        for path in sorted(below.iterdir()):
            shutil.move(path, artifact.uri)
        below.rmdir()
    if not declared.several:
        return [_with_properties(artifact, declared.product, facts)]
    members = []
    for entry in facts[name]:
        member = copy.deepcopy(artifact)
        member.uri = os.path.join(artifact.uri, entry["path"])  # noqa: PTH118 - it is a URI
        members.append(_with_properties(member, declared.product, entry))
    return members


def _with_properties(artifact: Artifact, product: Product, facts: Mapping[str, Any]) -> Artifact:
    for name in product.properties:
        setattr(artifact, name, facts[name])
    return artifact


def _component(step: Step) -> type[base_component.BaseComponent]:
    """Makes the component of a step, and its executor."""
    executor = type(
        f"{step.component}Executor",
        (StepExecutor,),
        {"__doc__": f"Does the work of `{step.component}`.", "__module__": __name__, "STEP": step},
    )
    specification = type(
        f"{step.component}Spec",
        (types.ComponentSpec,),
        {
            "__doc__": f"What `{step.component}` takes and makes.",
            "__module__": __name__,
            "PARAMETERS": _execution_parameters(step),
            "INPUTS": {name: _channel_parameter(it) for name, it in step.inputs.items()},
            "OUTPUTS": {
                name: ChannelParameter(type=_TYPES[output.product.name])
                for name, output in _outputs(step).items()
            },
            "TYPE_ANNOTATION": getattr(system_executions, step.means or "None", None),
        },
    )
    # TFX finds an executor by the names of its module and class.
    globals().update({kind.__name__: kind for kind in (executor, specification)})
    signature = _signature(step)

    def __init__(self: Any, *channels: types.BaseChannel, **given: Any) -> None:
        bound = signature.bind(self, *channels, **given)
        bound.apply_defaults()
        base_component.BaseComponent.__init__(self, specification(**_filled(step, bound.arguments)))

    __init__.__signature__ = signature
    return type(
        step.component,
        (base_component.BaseComponent,),
        {
            "__doc__": f"{step.description.splitlines()[0]}\n\nOutputs: "
            f"{', '.join(_outputs(step))}. Parameters are the settings of the step.",
            "__module__": __name__,
            "__init__": __init__,
            "SPEC_CLASS": specification,
            "EXECUTOR_SPEC": executor_spec.ExecutorClassSpec(executor),
        },
    )


def _outputs(step: Step) -> dict[str, Output]:
    return {name: output for name, output in step.outputs.items() if output.product != PAGE}


def _settings(step: Step) -> list[Setting]:
    """Returns the settings that are parameters: the runner decides how many workers there are."""
    return [declared for declared in declarations(step.settings) if declared.name != "workers"]


def _paths(step: Step) -> list[str]:
    return [declared.paths for declared in step.inputs.values() if declared.paths]


def _execution_parameters(step: Step) -> dict[str, ExecutionParameter]:
    parameters = {CODE_VERSION: ExecutionParameter(type=str)}
    for declared in _settings(step):
        parameters[declared.flag] = ExecutionParameter(
            type=str if declared.several else declared.kind, optional=declared.optional
        )
    paths = _paths(step)
    # A path alone would let the cache serve the result of what lay there before.
    for name in [*paths, _CONTENT] if paths else []:
        parameters[name] = ExecutionParameter(type=str, optional=True)
    return parameters


def _channel_parameter(declared: Input) -> ChannelParameter:
    if declared.foreign:
        return _AnyArtifacts()
    return ChannelParameter(
        type=_TYPES[declared.product.name], optional=declared.optional or bool(declared.paths)
    )


def _signature(step: Step) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    channels = [
        inspect.Parameter(
            name,
            positional,
            default=None if it.optional or it.paths else inspect.Parameter.empty,
        )
        for name, it in step.inputs.items()
    ]
    options = dict.fromkeys((CODE_VERSION, *_paths(step)))
    options |= {declared.flag: declared.default for declared in _settings(step)}
    return inspect.Signature(
        [
            inspect.Parameter("self", positional),
            *channels,
            *(inspect.Parameter(name, keyword, default=it) for name, it in options.items()),
        ]
    )


def _filled(step: Step, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the specification of a component takes: channels and parameters."""
    filled = {
        CODE_VERSION: given[CODE_VERSION] or code_version(),
        **{
            name: types.Channel(type=_TYPES[output.product.name])
            for name, output in _outputs(step).items()
        },
    }
    for name, declared in step.inputs.items():
        paths = given[declared.paths] if declared.paths else None
        if declared.paths and (given[name] is None) == (paths is None):
            raise ValueError(f"give either {name} or {declared.paths}, and not both")
        filled[name] = given[name]
        if declared.paths:
            filled[declared.paths] = (
                json.dumps(list(paths)) if paths and declared.several else paths
            )
    if _paths(step):
        filled[_CONTENT] = _content(step, given)
    for declared in _settings(step):
        value = given[declared.flag]
        if value is None or isinstance(value, bool | int | float | str | Sequence):
            value = declared.check(value)
            value = declared.text(value) if declared.several else value
        # Anything else is a placeholder of TFX, which is checked when the step runs.
        filled[declared.flag] = value
    return filled


def _content(step: Step, given: Mapping[str, Any]) -> str | None:
    """Digests what lies here now at the paths that are given in place of artifacts."""
    digests = {}
    for declared in step.inputs.values():
        paths = given[declared.paths]
        # What is wrong with them is said when the step runs, perhaps elsewhere.
        with contextlib.suppress(ValueError, OSError):
            if paths and declared.several:
                digests |= {
                    model.name: content_digest(model.path) for model in find_saved_models(paths)
                }
            elif paths:
                digests[""] = content_digest(paths)
    if not digests:
        return None
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


ProbeSetGen = _component(PROBE_SET)
FamilyTrainer = _component(FAMILY_TRAINER)
SimilarityEvaluator = _component(SIMILARITY_EVALUATOR)
DispersionTest = _component(DISPERSION_TEST)
EmbeddingWriter = _component(EMBEDDING_WRITER)
ReportWriter = _component(REPORT_STEP)
