"""A step in a container of Kubeflow, where not all of kfp can be imported."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from akp_keras.settings.field import declarations
from akp_keras.steps.experiment import step_named
from akp_keras.steps.products import PAGE, VALUE


def run_in_container(step: str, arguments: Mapping[str, Any]) -> None:
    """Run a step as its lightweight component, with the component's arguments by name."""
    declared = step_named(step)
    settings = declared.settings(
        **{
            setting.name: None if setting.optional and not value else value
            for setting in declarations(declared.settings)
            for value in (arguments[setting.flag],)
        }
    )
    inputs = {
        name: [artifact.path for artifact in arguments[name]]
        if it.several
        else arguments[name].uri
        if it.address
        else arguments[name].path
        for name, it in declared.inputs.items()
    }
    folder = arguments[next(iter(declared.outputs))].path
    facts = declared.run(folder, settings, inputs)
    for name, output in declared.outputs.items():
        if output.product == VALUE:
            Path(arguments[name]).write_text(str(facts[name]))
            continue
        if output.product == PAGE:
            shutil.copyfile(Path(folder) / output.below, arguments[name].path)
        elif output.below:
            shutil.move(Path(folder) / output.below, arguments[name].path)
        if not output.several:
            properties = {key: facts[key] for key in output.product.properties}
            arguments[name].metadata.update(properties)
