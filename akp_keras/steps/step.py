"""The declaration of a step: its function, inputs, outputs and settings.

The command line, the components of TFX and Kubeflow, and the run of a whole experiment are derived
from it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from akp_keras.files.folders import whole_folder
from akp_keras.settings.field import Group
from akp_keras.settings.groups import Experiment
from akp_keras.steps.products import Product

# What a step reports about its work, by name: properties of its products, and more.
Facts = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """An input of a step.

    Attributes:
        product: its kind.
        several: whether there may be more than one, each a folder or a pattern of folders.
        optional: whether it may be missing.
        flag: name on the command line, by default that of the input.
        repeated: whether the flag is given once per path, rather than with a list of paths.
        help: help of the flag, by default that of the product.
        paths: name of a parameter of the TFX component that takes paths in place of artifacts.
        foreign: whether artifacts of any type are accepted.
        address: whether only the address matters, for display.
    """

    product: Product
    several: bool = False
    optional: bool = False
    flag: str = ""
    repeated: bool = False
    help: str = ""
    paths: str = ""
    foreign: bool = False
    address: bool = False


@dataclass(frozen=True)
class Output:
    """An output of a step.

    Attributes:
        product: its kind.
        below: path below the folder that the step writes; "" for the folder itself.
        several: whether the folder holds one artifact per entry of the fact of the same name,
            a list of mappings with `path` and properties.
    """

    product: Product
    below: str = ""
    several: bool = False


@dataclass(frozen=True)
class Step:
    """One stage of the work, from files and settings to files.

    Attributes:
        function: writes to a folder and returns facts: `function(folder, settings, **inputs)`.
            Its docstring is the command's description.
        settings: the class of its settings.
        outputs: its outputs, the folder itself first.
        inputs: its inputs, by the names of the function's parameters.
        component: name of the TFX component.
        means: the class of `tfx.types.system_executions` that represents it in ML Metadata, or "".
        after: names of steps that must end before, although none of their outputs is an input.
        whole: whether the caller makes the folder appear whole or not at all. False for functions
            that do so themselves and can resume.
        per_family: whether a pipeline runs it once per family.
        runs_networks: whether it requests the resources that networks need.
        derived: settings computed from those of the experiment, beyond those of the same name.
        reads: returns what tells whether something else than inputs and settings, on which the
            step depends, has changed.
        answer: returns the text that the command prints; by default the folder.
    """

    function: Callable[..., Facts]
    settings: type[Group]
    outputs: Mapping[str, Output]
    inputs: Mapping[str, Input] = field(default_factory=dict)
    component: str = ""
    means: str = ""
    after: tuple[str, ...] = ()
    whole: bool = True
    per_family: bool = False
    runs_networks: bool = False
    derived: Callable[[Experiment], Mapping[str, Any]] = lambda experiment: {}
    reads: Callable[[Any], str | None] = lambda settings: None
    answer: Callable[[Facts, str], str] = lambda facts, folder: folder

    @property
    def name(self) -> str:
        """The name of the function, the command and the component's folder."""
        return self.function.__name__

    @property
    def description(self) -> str:
        """What the step does, for people."""
        return inspect.getdoc(self.function)

    def of_experiment(self, experiment: Experiment, **changed: Any) -> Group:
        """Return the step's settings in an experiment, some of them changed by name."""
        return self.settings.of(experiment, **{**self.derived(experiment), **changed})

    def help_of(self, name: str) -> str:
        """Return the help of an input."""
        return self.inputs[name].help or self.inputs[name].product.help

    def check_inputs(self, inputs: Mapping[str, object]) -> None:
        """Raise a ValueError, with the flag and its help, if an input is missing."""
        for name, declared in self.inputs.items():
            if not inputs.get(name) and not declared.optional:
                raise ValueError(f"--{declared.flag or name} is missing: {self.help_of(name)}")

    def run(self, folder: str | Path, settings: Group, inputs: Mapping[str, Any]) -> Facts:
        """Run the step.

        Args:
            folder: the folder to write.
            settings: an instance of the step's class of settings.
            inputs: name -> path, or a list of paths for an input of several.

        Returns:
            Facts, by name.

        Raises:
            ValueError: in one line that names the flag or file, what is wrong, and what is valid;
                the folder is then unchanged.
        """
        self.check_inputs(inputs)
        if not self.whole:
            return self.function(Path(folder), settings, **inputs)
        with whole_folder(folder) as unfinished:
            return self.function(unfinished, settings, **inputs)

    def __call__(self, folder: str | Path, **arguments: Any) -> Facts:
        """Run the step with inputs and settings by name; see `run`."""
        inputs = {name: arguments.pop(name) for name in self.inputs if name in arguments}
        return self.run(folder, self.settings(**arguments), inputs)
