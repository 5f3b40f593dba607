"""A step, declared once: its function, what it takes and makes, and its settings.

The command line, the components of TFX and Kubeflow, and the run of a whole experiment are made
from the declaration.
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

# What a step says of its work, by name: properties of its products, and more.
Facts = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """What a step takes.

    Attributes:
        product: its kind.
        several: whether there may be more than one, each a folder or a pattern of folders.
        optional: whether it may be missing.
        flag: name on the command line, by default that of the input.
        repeated: whether the flag is given once for each, rather than with commas between.
        help: of the flag, by default that of the product.
        paths: name of a parameter of the TFX component that takes paths in place of artifacts.
        foreign: whether artifacts of any type are taken.
        address: whether only the address counts, which is shown to people.
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
    """What a step makes.

    Attributes:
        product: its kind.
        below: path below the folder that the step writes; "" for the folder itself.
        several: whether the folder holds one artifact per entry of the fact of the same name,
            each a mapping with its `path` and properties.
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
        outputs: what it makes, the folder itself first.
        inputs: what it takes, by the names of the function's parameters.
        component: name of the TFX component.
        means: what it is in the sense of ML Metadata: the name of a class of
            `tfx.types.system_executions`, or "".
        after: names of steps that must have ended, although nothing of theirs is taken.
        whole: whether the folder is made whole or not at all by whoever calls the function. False
            for functions that do so themselves, and resume.
        per_family: whether a pipeline runs it once per family.
        runs_networks: whether it asks for the resources that networks need.
        derived: settings that follow from those of the experiment, beyond those of one name.
        answer: what the command prints of the facts; by default the folder.
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
        """Returns the step's settings within an experiment, some of them changed by name."""
        return self.settings.of(experiment, **{**self.derived(experiment), **changed})

    def help_of(self, name: str) -> str:
        """Returns the help of an input."""
        return self.inputs[name].help or self.inputs[name].product.help

    def check_inputs(self, inputs: Mapping[str, object]) -> None:
        """Makes sure that nothing the step takes is missing.

        Raises:
            ValueError: in one line that names the flag and says what it takes.
        """
        for name, declared in self.inputs.items():
            if not inputs.get(name) and not declared.optional:
                raise ValueError(f"--{declared.flag or name} is missing: {self.help_of(name)}")

    def run(self, folder: str | Path, settings: Group, inputs: Mapping[str, Any]) -> Facts:
        """Does the step's work.

        Args:
            folder: the folder to write.
            settings: an instance of the step's class of settings.
            inputs: name -> path, or paths where there may be several.

        Returns:
            Facts, by name.

        Raises:
            ValueError: in one line that names the flag or file, what is wrong, and what would be
                right; then the folder is as it was.
        """
        self.check_inputs(inputs)
        if not self.whole:
            return self.function(Path(folder), settings, **inputs)
        with whole_folder(folder) as unfinished:
            return self.function(unfinished, settings, **inputs)

    def __call__(self, folder: str | Path, **given: Any) -> Facts:
        """Does the step's work, called with inputs and settings by name; see `run`."""
        inputs = {name: given.pop(name) for name in self.inputs if name in given}
        return self.run(folder, self.settings(**given), inputs)
