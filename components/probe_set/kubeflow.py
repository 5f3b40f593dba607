"""The Kubeflow component.

Kubeflow reads the annotations themselves, so they must not become text.
"""

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.kubeflow import in_image


def probe_set(
    dataset: str,
    probe_samples: int,
    seed: int,
    max_samples: int,
    data_dir: str,
    code_version: str,
    probe: dsl.Output[dsl.Dataset],
) -> None:
    """Draws the probe set of an experiment; no `max_samples` is 0, no `data_dir` is empty."""
    from components.probe_set.step import probe_set

    probe_set(
        probe.path,
        dataset=dataset,
        probe_samples=probe_samples,
        seed=seed,
        max_samples=max_samples or None,
        data_dir=data_dir or None,
    )


def component(image: str) -> BaseComponent:
    """The component, run in a container image."""
    return in_image(probe_set, image)
