"""The experiment as a Kubeflow pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from akp_keras import kubeflow
from akp_keras.executors import ONE_THREAD
from akp_keras.settings import Experiment
from akp_keras.steps.step import Step
from pipelines.graph import Node, experiment_graph, parameters

PIPELINE_NAME = "akp-keras"


@dataclass(frozen=True)
class Resources:
    """What a step of the pipeline asks the cluster for.

    Attributes:
        cpus: processor cores, and worker processes, of the steps that run networks.
        memory: memory of these steps, as Kubernetes writes it (`8Gi`); None leaves it open.
        gpus: GPUs of a trainer; 0 for none.
        accelerator: the resource's name in the cluster.
        parallel_families: how many families train at the same time; 0 for all.
    """

    cpus: int
    memory: str | None
    gpus: int
    accelerator: str
    parallel_families: int


def create_pipeline(
    experiment: Experiment, *, image: str, resources: Resources, code_version: str
) -> BaseComponent:
    """Puts the components together, one trainer per family.

    Args:
        experiment: its settings.
        image: the container image in which every step runs.
        resources: what the steps that run networks ask for.
        code_version: what results follow from beside parameters and inputs; an argument of every
            step, so that Kubeflow's cache never takes the result of other code.

    Returns:
        The pipeline, for `kfp.compiler` or a local runner.
    """

    @dsl.pipeline(name=PIPELINE_NAME, description="Families of networks, compared and tested.")
    def experiment_pipeline():  # noqa: ANN202 - Kubeflow would take "None" for an output's type
        tasks: dict[str, PipelineTask] = {}

        def add(node: Node, **changed: object) -> None:
            step = node.step
            artifacts = {}
            for name, (maker, output) in node.edges.items():
                artifact = tasks[maker.name].outputs[output]
                # The compiler changes the object: each step that takes it has its own.
                artifacts[name] = dsl.Collected(artifact) if maker.per_family else artifact
            given = _arguments(node) | changed | {"code_version": code_version}
            if "workers" in given:
                given["workers"] = resources.cpus
            task = kubeflow.component(step.name, image)(**artifacts, **given)
            _ask(task, step, resources)
            for earlier in step.after:
                task.after(tasks[earlier])
            tasks[step.name] = task

        for node in experiment_graph(experiment):
            if node.step.per_family:
                with dsl.ParallelFor(
                    list(experiment.families), parallelism=resources.parallel_families
                ) as family:
                    add(node, family=family)
            else:
                add(node)

    return experiment_pipeline


def _arguments(node: Node) -> dict[str, object]:
    # Kubeflow has no None: what is not given has the component's default.
    given = parameters(node.settings[0]).items()
    return {name: value for name, value in given if value is not None}


def _ask(task: PipelineTask, step: Step, resources: Resources) -> None:
    # The number of threads is part of a result's last digits; several processes make up for it.
    for name in ONE_THREAD:
        task.set_env_variable(name, "1")
    if not step.runs_networks:
        return
    task.set_cpu_request(str(resources.cpus)).set_cpu_limit(str(resources.cpus))
    if resources.memory:
        task.set_memory_request(resources.memory).set_memory_limit(resources.memory)
    if step.per_family and resources.gpus:
        task.set_accelerator_type(resources.accelerator)
        task.set_accelerator_limit(resources.gpus)
