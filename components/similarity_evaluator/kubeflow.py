"""The Kubeflow components: a lightweight one, and one that is the command line.

Kubeflow reads the annotations themselves, so they must not become text.
"""

from typing import List  # noqa: UP035 - Kubeflow knows no other

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.kubeflow import in_image


def similarity_evaluator(
    models: dsl.Input[List[dsl.Model]],  # noqa: UP006
    probe: dsl.Input[dsl.Dataset],
    measures: str,
    families: str,
    signature: str,
    layers: str,
    spatial: str,
    null: int,
    seed: int,
    memory_gb: float,
    code_version: str,
    matrices: dsl.Output[dsl.Dataset],
    table: dsl.Output[dsl.Dataset],
    workers: int = 2,
) -> None:
    """Compares all pairs of exported models, whoever exported them, on a probe set."""
    from components.similarity_evaluator.step import move_matrices, similarity_evaluator

    summary = similarity_evaluator(
        [model.path for model in models],
        probe.path,
        table.path,
        measures=measures,
        families=families,
        signature=signature,
        layers=layers,
        spatial=spatial,
        null=int(null),
        seed=int(seed),
        memory_gb=memory_gb,
        workers=int(workers),
    )
    move_matrices(table.path, matrices.path)
    matrices.metadata["measures"] = ",".join(summary["measures"])
    matrices.metadata["members"] = len(summary["members"])


def component(image: str) -> BaseComponent:
    """The lightweight component: artifacts in, artifacts out.

    Args:
        image: name of a container image with akp_keras, `components` and kfp in it.
    """
    return in_image(similarity_evaluator, image)


def container_component(image: str) -> BaseComponent:
    """The command line as a component, for models that no step of the pipeline made.

    Args:
        image: name of a container image with akp_keras and `components` in it; `saved_models` and
            `probe` are paths within it, on a volume for example.

    Returns:
        A component with the flags of the command line as its parameters, and the output folder
        as its artifact `similarity`.
    """

    def similarity_evaluator(
        saved_models: str,
        probe: str,
        measures: str,
        similarity: dsl.Output[dsl.Dataset],
        families: str = "",
        signature: str = "representations",
        layers: str = "",
        spatial: str = "flatten",
        null: int = 0,
        seed: int = 0,
        memory_gb: float = 4.0,
        workers: int = 2,
    ) -> dsl.ContainerSpec:
        """Compares all pairs of exported models, whoever exported them, on a probe set."""
        return dsl.ContainerSpec(
            image=image,
            command=["python", "-m", "components.similarity_evaluator"],
            args=[
                "--saved_models",
                saved_models,
                "--probe",
                probe,
                "--measures",
                measures,
                "--families",
                families,
                "--signature",
                signature,
                "--layers",
                layers,
                "--spatial",
                spatial,
                "--null",
                null,
                "--seed",
                seed,
                "--memory_gb",
                memory_gb,
                "--workers",
                workers,
                "--output",
                similarity.path,
            ],
        )

    return dsl.container_component(similarity_evaluator)
