"""The graph of an experiment, derived from the declarations of the steps for all orchestrators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from akp_keras.settings import Experiment
from akp_keras.settings.field import Group, declarations
from akp_keras.steps.experiment import STEPS, maker_of
from akp_keras.steps.step import Step


@dataclass(frozen=True)
class Node:
    """A step of the graph.

    Attributes:
        step: its declaration.
        settings: one group per run of the step; several for a step that runs once per family.
        edges: name of an input -> (the step that makes it, the name of that step's output).
    """

    step: Step
    settings: tuple[Group, ...]
    edges: Mapping[str, tuple[Step, str]]


def experiment_graph(experiment: Experiment) -> list[Node]:
    """Return the steps of an experiment in an order in which they can run."""
    return [
        Node(
            step,
            _settings(step, experiment),
            {name: maker_of(declared.product) for name, declared in step.inputs.items()},
        )
        for step in STEPS
    ]


def parameters(settings: Group) -> dict[str, object]:
    """Return settings by the names of their flags; several values are joined to one text."""
    return {
        declared.flag: declared.text(value) if declared.several else value
        for declared in declarations(type(settings))
        for value in (getattr(settings, declared.name),)
    }


def _settings(step: Step, experiment: Experiment) -> tuple[Group, ...]:
    if not step.per_family:
        return (step.of_experiment(experiment),)
    return tuple(
        step.of_experiment(experiment, families=(family,)) for family in experiment.families
    )
