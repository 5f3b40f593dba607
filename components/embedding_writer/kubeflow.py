"""The Kubeflow component.

Kubeflow reads the annotations themselves, so they must not become text.
"""

from typing import List  # noqa: UP035 - Kubeflow knows no other

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.kubeflow import in_image


def embedding_writer(
    matrices: dsl.Input[dsl.Dataset],
    members: dsl.Input[List[dsl.Model]],  # noqa: UP006
    outcome: dsl.Input[dsl.Dataset],
    probe: dsl.Input[dsl.Dataset],
    projector_members: int,
    memory_gb: float,
    measures: str,
    workers: int,
    code_version: str,
    log: dsl.Output[dsl.Artifact],
) -> None:
    """Writes the log directory that shows an experiment in TensorBoard."""
    from components.embedding_writer.step import embedding_writer

    embedding_writer(
        matrices.path,
        [family.path for family in members],
        outcome.path,
        probe.path,
        log.path,
        projector_members=projector_members,
        memory_gb=memory_gb,
        measures=measures,
        workers=workers,
    )


def component(image: str) -> BaseComponent:
    """The component, run in a container image."""
    return in_image(embedding_writer, image)
