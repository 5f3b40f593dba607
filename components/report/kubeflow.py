"""The Kubeflow component.

Kubeflow reads the annotations themselves, so they must not become text.
"""

from typing import List  # noqa: UP035 - Kubeflow knows no other

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.kubeflow import in_image


def report(
    matrices: dsl.Input[dsl.Dataset],
    members: dsl.Input[List[dsl.Model]],  # noqa: UP006
    outcome: dsl.Input[dsl.Dataset],
    probe: dsl.Input[dsl.Dataset],
    log: dsl.Input[dsl.Artifact],
    title: str,
    control: str,
    settings: str,
    measures: str,
    code_version: str,
    figures: dsl.Output[dsl.Artifact],
    page: dsl.Output[dsl.HTML],
) -> None:
    """Writes the page of an experiment, which shows in Kubeflow, and its figures as files."""
    import shutil

    from components.report.step import report

    written = report(
        matrices.path,
        [family.path for family in members],
        outcome.path,
        probe.path,
        figures.path,
        log.uri,
        title=title,
        control=control,
        settings=settings,
        measures=measures,
    )
    shutil.copyfile(written, page.path)


def component(image: str) -> BaseComponent:
    """The component, run in a container image."""
    return in_image(report, image)
