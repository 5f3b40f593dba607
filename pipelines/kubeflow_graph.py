"""The experiment as a Kubeflow pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_task import PipelineTask

from components.dispersion_test import kubeflow as dispersion_test
from components.embedding_writer import kubeflow as embedding_writer
from components.family_trainer import kubeflow as family_trainer
from components.probe_set import kubeflow as probe_set
from components.report import kubeflow as report
from components.similarity_evaluator import kubeflow as similarity_evaluator
from pipelines.experiment_steps import ExperimentSteps

PIPELINE_NAME = "akp-keras"
# What a step takes one of for each family.
_FAMILY = "family"
# The number of threads is part of a result's last digits; several processes make up for it.
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


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
    steps: ExperimentSteps, *, image: str, resources: Resources, code_version: str
) -> BaseComponent:
    """Puts the components together, one trainer a family.

    Args:
        steps: the parameters of all components.
        image: the container image in which every step runs.
        resources: what the steps that run networks ask for.
        code_version: what results follow from beside parameters and inputs; an argument of every
            step, so that Kubeflow's cache never takes the result of other code.

    Returns:
        The pipeline, for `kfp.compiler` or a local runner.
    """
    version = {"code_version": code_version}
    workers = {"workers": resources.cpus}
    families = [parameters[_FAMILY] for parameters in steps.trainers]
    common = {name: value for name, value in steps.trainers[0].items() if name != _FAMILY}

    @dsl.pipeline(name=PIPELINE_NAME, description="Families of networks, compared and tested.")
    def experiment():  # noqa: ANN202 - Kubeflow would take "None" for the type of an output
        probe = probe_set.component(image)(**_arguments(steps.probe_set), **version)
        _one_thread(probe)
        with dsl.ParallelFor(families, parallelism=resources.parallel_families) as family:
            trainer = family_trainer.component(image)(
                family=family, **_arguments(common), **workers, **version
            )
            _ask(trainer, resources)
            # A data set that is wrong fails there, before anything is trained.
            trainer.after(probe)
            if resources.gpus:
                trainer.set_accelerator_type(resources.accelerator)
                trainer.set_accelerator_limit(resources.gpus)

        def members() -> dsl.Collected:
            # The compiler changes the object: each step that takes the members has its own.
            return dsl.Collected(trainer.outputs["trained"])

        evaluator = similarity_evaluator.component(image)(
            models=members(), probe=probe.outputs["probe"], **steps.evaluator, **version
        )
        _ask(evaluator, resources)
        compared = {"matrices": evaluator.outputs["matrices"]}
        test = dispersion_test.component(image)(
            **compared, members=members(), **steps.dispersion_test, **version
        )
        _one_thread(test)
        shown = {
            **compared,
            "outcome": test.outputs["outcome"],
            "probe": probe.outputs["probe"],
        }
        writer = embedding_writer.component(image)(
            **shown, members=members(), **steps.embedding_writer, **workers, **version
        )
        _ask(writer, resources)
        page = report.component(image)(
            **shown, members=members(), log=writer.outputs["log"], **steps.report, **version
        )
        _one_thread(page)

    return experiment


def _arguments(parameters: dict[str, Any]) -> dict[str, Any]:
    """Kubeflow has no None: no `max_samples` is 0 there, no `data_dir` is empty."""
    absent = {"max_samples": 0, "data_dir": ""}
    return {name: absent[name] if value is None else value for name, value in parameters.items()}


def _one_thread(task: PipelineTask) -> None:
    for name in _ONE_THREAD:
        task.set_env_variable(name, "1")


def _ask(task: PipelineTask, resources: Resources) -> None:
    _one_thread(task)
    task.set_cpu_request(str(resources.cpus)).set_cpu_limit(str(resources.cpus))
    if resources.memory:
        task.set_memory_request(resources.memory).set_memory_limit(resources.memory)
