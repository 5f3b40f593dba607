"""The steps as Kubeflow components, made from their declarations.

    from akp_keras.kubeflow import similarity_evaluator

    @dsl.pipeline
    def compare(...):
        similarity_evaluator(models=…, probe=…, measures="cka.linear")

A component's parameters are the settings of its step, with their defaults; for those that may be
without a value, a lightweight component takes 0 or "". Components run in the image of this version
of akp_keras, which must hold kfp; `component(step, image)` takes another image.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from typing import Any, Optional

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from akp_keras import __version__
from akp_keras.settings.field import Setting, declarations
from akp_keras.steps.experiment import STEPS, step_named
from akp_keras.steps.products import VALUE
from akp_keras.steps.step import Output, Step

IMAGE = f"akp-keras:{__version__}"
# A compiled pipeline must not depend on the number of cores of a machine.
_WORKERS = 2
_LIGHTWEIGHT = '''\
def {name}(
    {parameters},
) -> None:
    """{help}"""
    from akp_keras.steps.container import run_in_container

    run_in_container("{name}", locals())
'''
_CONTAINER = '''\
def {name}(
    {parameters},
) -> dsl.ContainerSpec:
    """{help}"""
    return dsl.ContainerSpec(
        image={image!r},
        command=["python", "-m", "akp_keras", "{name}"],
        args=[{arguments}],
    )
'''


def component(step: str, image: str = IMAGE) -> BaseComponent:
    """Make the lightweight component of a step: artifacts in, artifacts out.

    Args:
        step: name of the step, for example `similarity_evaluator`.
        image: a container image with akp_keras and kfp; nothing is installed at run time.
    """
    declared = step_named(step)
    source = _LIGHTWEIGHT.format(
        name=declared.name,
        parameters=",\n    ".join(
            [
                *(f"{name}: {_input(it)}" for name, it in declared.inputs.items()),
                *(f"{name}: {_output(it)}" for name, it in declared.outputs.items()),
                *(f"{it.flag}: {_parameter(it)}" for it in declarations(declared.settings)),
                f"code_version: str = {__version__!r}",
            ]
        ),
        help=declared.description.splitlines()[0],
    )
    function = _compile(declared, source)
    return dsl.component(function, base_image=image, install_kfp_package=False)


def container_component(step: str, image: str = IMAGE) -> BaseComponent:
    """Make a component of the command line of a step, for files from outside the pipeline.

    Its parameters are the flags, and the output folder is its artifact `output`.

    Args:
        step: name of the step, for example `similarity_evaluator`.
        image: a container image with akp_keras; inputs are paths in it.
    """
    declared = step_named(step)
    flags = {it.flag or name: it for name, it in declared.inputs.items()}
    settings = {it.flag: it for it in declarations(declared.settings)}
    optional = {flag for flag, it in (*flags.items(), *settings.items()) if it.optional}
    arguments = [
        f'dsl.IfPresentPlaceholder("{flag}", ["--{flag}", {flag}])'
        if flag in optional
        else f'"--{flag}", {flag}'
        for flag in (*flags, *settings)
    ]
    source = _CONTAINER.format(
        name=declared.name,
        parameters=",\n    ".join(
            [
                *(f"{flag}: str" for flag, it in flags.items() if not it.optional),
                "output: dsl.Output[dsl.Artifact]",
                *(f"{flag}: Optional[str] = None" for flag, it in flags.items() if it.optional),
                *(
                    f"{flag}: Optional[{it.kind.__name__}] = None"
                    if it.optional
                    else f"{flag}: {_parameter(it)}"
                    for flag, it in settings.items()
                ),
            ]
        ),
        help=declared.description.splitlines()[0],
        image=image,
        arguments=", ".join([*arguments, '"--output", output.path']),
    )
    return dsl.container_component(_compile(declared, source))


def of_step(step: str) -> tuple[Callable[..., BaseComponent], Callable[..., BaseComponent]]:
    """Return `component` and `container_component` of a step, as functions of the image."""
    return functools.partial(component, step), functools.partial(container_component, step)


def _compile(step: Step, source: str) -> Any:
    # Kubeflow ships the source of a function, which `inspect` must be able to find.
    file = f"<component {step.name} {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {"dsl": dsl, "List": list, "Optional": Optional}
    # Without this module's future import: Kubeflow needs annotations that are not text.
    exec(compile(source, file, "exec", dont_inherit=True), names)
    return names[step.name]


def _input(declared: Any) -> str:
    role = f"dsl.{declared.product.role}"
    return f"dsl.Input[List[{role}]]" if declared.several else f"dsl.Input[{role}]"


def _output(declared: Output) -> str:
    if declared.product == VALUE:
        return "dsl.OutputPath(str)"
    return f"dsl.Output[dsl.{declared.product.role}]"


def _parameter(declared: Setting) -> str:
    kind = str if declared.several else declared.kind
    default = declared.text(declared.default) if declared.several else declared.default
    if declared.default is None:
        default = kind()
    if declared.name == "workers":
        default = _WORKERS
    return f"{kind.__name__} = {default!r}"


def __dir__() -> list[str]:
    return sorted([*globals(), *(step.name for step in STEPS)])


def __getattr__(name: str) -> BaseComponent:
    if name in {step.name for step in STEPS}:
        return component(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
