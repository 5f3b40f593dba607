"""The experiment as a Kubeflow pipeline."""

from __future__ import annotations

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from akp_keras import kubeflow
from akp_keras.executors import ONE_THREAD
from akp_keras.settings import Experiment
from akp_keras.steps.step import Step
from pipelines.graph import Node, experiment_graph, parameters
from pipelines.settings import Kubeflow

PIPELINE_NAME = "akp-keras"


def create_pipeline(
    experiment: Experiment, cluster: Kubeflow, *, code_version: str
) -> BaseComponent:
    """Create the pipeline, with one trainer per family.

    The code version is an argument of every step, so that Kubeflow's cache never returns the
    result of other code.
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
            arguments = _arguments(node) | changed | {"code_version": code_version}
            if "workers" in arguments:
                arguments["workers"] = cluster.cpus
            task = kubeflow.component(step.name, cluster.image)(**artifacts, **arguments)
            _ask(task, step, cluster)
            for earlier in step.after:
                task.after(tasks[earlier])
            tasks[step.name] = task

        for node in experiment_graph(experiment):
            if node.step.per_family:
                with dsl.ParallelFor(
                    list(experiment.families), parallelism=cluster.parallel_families
                ) as family:
                    add(node, family=family)
            else:
                add(node)

    return experiment_pipeline


def _arguments(node: Node) -> dict[str, object]:
    # Kubeflow has no None: what is left out has the component's default.
    settings = parameters(node.settings[0]).items()
    return {name: value for name, value in settings if value is not None}


def _ask(task: PipelineTask, step: Step, cluster: Kubeflow) -> None:
    # Last digits of results depend on the number of threads; several processes make up for one.
    for name in ONE_THREAD:
        task.set_env_variable(name, "1")
    if not step.runs_networks:
        return
    task.set_cpu_request(str(cluster.cpus)).set_cpu_limit(str(cluster.cpus))
    if cluster.memory:
        task.set_memory_request(cluster.memory).set_memory_limit(cluster.memory)
    if step.per_family and cluster.gpus:
        task.set_accelerator_type(cluster.accelerator)
        task.set_accelerator_limit(cluster.gpus)
