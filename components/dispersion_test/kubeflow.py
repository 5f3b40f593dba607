"""The Kubeflow component.

Kubeflow reads the annotations themselves, so they must not become text.
"""

from typing import List  # noqa: UP035 - Kubeflow knows no other

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.kubeflow import in_image


def dispersion_test(
    matrices: dsl.Input[dsl.Dataset],
    members: dsl.Input[List[dsl.Model]],  # noqa: UP006
    control: str,
    permutations: int,
    alpha: float,
    margin: float,
    seed: int,
    measures: str,
    code_version: str,
    outcome: dsl.Output[dsl.Dataset],
    verdict: dsl.OutputPath(str),
) -> None:
    """Tests the Anna Karenina principle at every layer and under every measure."""
    from pathlib import Path

    from components.dispersion_test.step import dispersion_test

    found = dispersion_test(
        matrices.path,
        [family.path for family in members],
        outcome.path,
        control=control,
        permutations=permutations,
        alpha=alpha,
        margin=margin,
        seed=seed,
        measures=measures,
    )
    outcome.metadata["verdict"] = found
    Path(verdict).write_text(found)


def component(image: str) -> BaseComponent:
    """The component, run in a container image."""
    return in_image(dispersion_test, image)
