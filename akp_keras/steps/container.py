"""A step within a container of Kubeflow, where kfp cannot be imported as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from akp_keras.settings.field import declarations
from akp_keras.steps.experiment import step_named
from akp_keras.steps.products import PAGE, VALUE


def run_in_container(step: str, given: Mapping[str, Any]) -> None:
    """Does the work of a step's lightweight component, whose arguments are given by name."""
    declared = step_named(step)
    settings = declared.settings(
        **{
            setting.name: None if setting.optional and not value else value
            for setting in declarations(declared.settings)
            for value in (given[setting.flag],)
        }
    )
    inputs = {
        name: [artifact.path for artifact in given[name]]
        if it.several
        else given[name].uri
        if it.address
        else given[name].path
        for name, it in declared.inputs.items()
    }
    folder = given[next(iter(declared.outputs))].path
    facts = declared.run(folder, settings, inputs)
    for name, output in declared.outputs.items():
        if output.product == VALUE:
            Path(given[name]).write_text(str(facts[name]))
            continue
        if output.product == PAGE:
            shutil.copyfile(Path(folder) / output.below, given[name].path)
        elif output.below:
            shutil.move(Path(folder) / output.below, given[name].path)
        if not output.several:
            properties = {key: facts[key] for key in output.product.properties}
            given[name].metadata.update(properties)
