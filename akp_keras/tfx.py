"""The steps as TFX components, made from their declarations.

    from akp_keras.tfx import SimilarityEvaluator

    evaluator = SimilarityEvaluator(trainer.outputs["model"], probe_file="probe.npz")

Every setting of a step is a parameter of its component. All are recorded, defaults too: TFX's cache
would otherwise return results of defaults that have since changed.
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
    """Make the artifact type of a product."""
    properties = {
        name: Property(type=_PROPERTY_TYPES[kind]) for name, kind in product.properties.items()
    }
    members = {
        "__doc__": product.help,
        "__module__": __name__,
        "TYPE_NAME": product.name,
        "TYPE_ANNOTATION": getattr(system_artifacts, product.means or "None", None),
        "PROPERTIES": properties,
    }
    return type(product.name, (Artifact,), members)


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
    """A channel of any artifact type: other teams have their own."""

    def type_check(self, arg_name: str, value: object) -> None:
        """Raise a TypeError for anything but a channel."""
        if not isinstance(value, types.BaseChannel):
            raise TypeError(f"{arg_name} must be a channel of artifacts, not {value!r}")


class StepExecutor(base_executor.BaseExecutor):
    """The executor of a step; one subclass per step."""

    STEP: ClassVar[Step]

    def Do(
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Run the step, and record its facts as properties of the artifacts.

        Args:
            input_dict: the step's inputs by name.
            output_dict: the step's outputs by name; an output of several gets one artifact per
                entry.
            exec_properties: settings by the names of their flags, and paths in place of artifacts;
                None or a missing entry stands for the default.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        step = self.STEP
        settings = step.settings(
            **{
                declared.name: exec_properties[declared.flag]
                for declared in declarations(step.settings)
                if exec_properties.get(declared.flag) is not None
            }
        )
        inputs = {}
        for name, declared in step.inputs.items():
            uris = [artifact.uri for artifact in input_dict.get(name, [])]
            if declared.several:
                inputs[name] = uris + json.loads(exec_properties.get(declared.paths) or "[]")
            else:
                inputs[name] = uris[0] if uris else exec_properties.get(declared.paths)
        folder = artifact_utils.get_single_uri(output_dict[next(iter(step.outputs))])
        facts = step.run(folder, settings, inputs)
        for name, declared in _outputs(step).items():
            artifact = artifact_utils.get_single_instance(output_dict[name])
            output_dict[name] = _recorded(declared, artifact, facts, name)
            if declared.below:
                _move_entries(Path(folder) / declared.below, Path(artifact.uri))


def _recorded(declared: Output, artifact: Artifact, facts: Facts, name: str) -> list[Artifact]:
    """Record facts in an artifact, or in one copy of it per entry."""
    if declared.product == VALUE:
        artifact.value = facts[name]
        return [artifact]
    if declared.several:
        artifacts = [copy.deepcopy(artifact) for _ in facts[name]]
        for copied, entry in zip(artifacts, facts[name], strict=True):
            # TFX accepts only direct subfolders as artifacts.
            copied.uri = os.path.join(artifact.uri, entry["path"].replace("/", "-"))  # noqa: PTH118
            Path(artifact.uri, entry["path"]).replace(copied.uri)
    else:
        artifacts, facts = [artifact], {name: [facts]}
    for recorded, entry in zip(artifacts, facts[name], strict=True):
        for key in declared.product.properties:
            setattr(recorded, key, entry[key])
    return artifacts


def _move_entries(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        shutil.move(path, target)
    folder.rmdir()


def _component(step: Step) -> type[base_component.BaseComponent]:
    """Make the component of a step, its specification and its executor."""
    signature = _signature(step)

    def __init__(self: Any, *channels: types.BaseChannel, **options: Any) -> None:
        bound = signature.bind(self, *channels, **options)
        bound.apply_defaults()
        specification = self.SPEC_CLASS(**_specified(step, bound.arguments))
        base_component.BaseComponent.__init__(self, specification)

    __init__.__signature__ = signature
    executor = _class(f"{step.component}Executor", StepExecutor, STEP=step)
    return _class(
        step.component,
        base_component.BaseComponent,
        __doc__=f"{step.description.splitlines()[0]}\n\nOutputs: {', '.join(_outputs(step))}. "
        "Parameters are the settings of the step.",
        __init__=__init__,
        EXECUTOR_SPEC=executor_spec.ExecutorClassSpec(executor),
        SPEC_CLASS=_class(
            f"{step.component}Spec",
            types.ComponentSpec,
            PARAMETERS=_execution_parameters(step),
            INPUTS={name: _channel_parameter(it) for name, it in step.inputs.items()},
            OUTPUTS={
                name: ChannelParameter(type=_TYPES[output.product.name])
                for name, output in _outputs(step).items()
            },
            TYPE_ANNOTATION=getattr(system_executions, step.means or "None", None),
        ),
    )


def _class(name: str, base: type, **members: Any) -> Any:
    """Make a class of this module, in which TFX looks it up by name."""
    globals()[name] = type(name, (base,), {"__module__": __name__, **members})
    return globals()[name]


def _outputs(step: Step) -> dict[str, Output]:
    return {name: output for name, output in step.outputs.items() if output.product != PAGE}


def _settings(step: Step) -> list[Setting]:
    """Return the settings that are parameters; the runner sets the number of workers."""
    return [declared for declared in declarations(step.settings) if declared.name != "workers"]


def _execution_parameters(step: Step) -> dict[str, ExecutionParameter]:
    parameters = {CODE_VERSION: ExecutionParameter(type=str)}
    for declared in _settings(step):
        parameters[declared.flag] = ExecutionParameter(
            type=str if declared.several else declared.kind, optional=declared.optional
        )
    for declared in step.inputs.values():
        # With a path alone, the cache would return the result of what was there before.
        for name in (declared.paths, _CONTENT) if declared.paths else ():
            parameters[name] = ExecutionParameter(type=str, optional=True)
    return parameters


def _channel_parameter(declared: Input) -> ChannelParameter:
    if declared.foreign:
        return _AnyArtifacts(type=Artifact, optional=True)
    optional = declared.optional or bool(declared.paths)
    return ChannelParameter(type=_TYPES[declared.product.name], optional=optional)


def _signature(step: Step) -> inspect.Signature:
    parameter = inspect.Parameter
    parameters = [parameter("self", parameter.POSITIONAL_OR_KEYWORD)]
    for name, declared in step.inputs.items():
        default = None if declared.optional or declared.paths else parameter.empty
        parameters.append(parameter(name, parameter.POSITIONAL_OR_KEYWORD, default=default))
    options = {CODE_VERSION: None}
    options |= {declared.paths: None for declared in step.inputs.values() if declared.paths}
    options |= {declared.flag: declared.default for declared in _settings(step)}
    for name, default in options.items():
        parameters.append(parameter(name, parameter.KEYWORD_ONLY, default=default))
    return inspect.Signature(parameters)


def _specified(step: Step, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the channels and parameters of a component's specification."""
    specified = {CODE_VERSION: arguments[CODE_VERSION] or code_version()}
    for name, output in _outputs(step).items():
        specified[name] = types.Channel(type=_TYPES[output.product.name])
    digests = {}
    for name, declared in step.inputs.items():
        specified[name] = arguments[name]
        if declared.paths:
            paths = arguments[declared.paths]
            if (arguments[name] is None) == (paths is None):
                raise ValueError(f"give either {name} or {declared.paths}, one of the two")
            paths = _texts(declared, paths)
            specified[declared.paths] = json.dumps(paths) if paths and declared.several else paths
            specified[_CONTENT] = None
            digests |= _digests(declared, paths)
    for declared in _settings(step):
        if declared.holds_models:
            digests |= _model_digests(declared.flag, declared.check(arguments[declared.flag]))
    if digests:
        specified[_CONTENT] = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    for declared in _settings(step):
        value = arguments[declared.flag]
        # Anything else is a placeholder of TFX, which is checked when the step runs.
        if value is None or isinstance(value, bool | int | float | str | Sequence | Mapping):
            value = declared.check(value)
        specified[declared.flag] = declared.text(value) if isinstance(value, tuple) else value
    return specified


def _texts(declared: Input, paths: Any) -> Any:
    """Return paths as text, several in a list; raise a ValueError if the list is empty."""
    if isinstance(paths, str | os.PathLike):
        return [os.fspath(paths)] if declared.several else os.fspath(paths)
    if declared.several and isinstance(paths, Sequence):
        if not paths:
            raise ValueError(f"{declared.paths} is empty; name paths or patterns")
        return list(map(os.fspath, paths))
    return paths


def _digests(declared: Input, paths: Any) -> dict[str, str]:
    """Return digests of what the paths, given in place of artifacts, hold now."""
    # Errors in them are reported when the step runs, perhaps on another machine.
    with contextlib.suppress(ValueError, OSError):
        if paths and declared.several:
            return _model_digests("", paths)
        if paths:
            return {"": content_digest(paths)}
    return {}


def _model_digests(side: str, paths: Sequence[str]) -> dict[str, str]:
    with contextlib.suppress(ValueError, OSError):
        models = find_saved_models(paths, least=1)
        return {f"{side} {model.name}": content_digest(model.path) for model in models}
    return {}


ProbeSetGen = _component(PROBE_SET)
FamilyTrainer = _component(FAMILY_TRAINER)
SimilarityEvaluator = _component(SIMILARITY_EVALUATOR)
DispersionTest = _component(DISPERSION_TEST)
EmbeddingWriter = _component(EMBEDDING_WRITER)
ReportWriter = _component(REPORT_STEP)
