"""The Kubeflow component.

Kubeflow reads the annotations themselves, so they must not become text.
"""

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from components.kubeflow import in_image


def family_trainer(
    family: str,
    members: int,
    first_member: int,
    seed: int,
    dataset: str,
    max_samples: int,
    data_dir: str,
    model: str,
    epochs: int,
    batch_size: int,
    optimizer: str,
    learning_rate: float,
    steps_per_execution: int,
    snapshots: str,
    probe_samples: int,
    workers: int,
    code_version: str,
    trained: dsl.Output[dsl.Model],
) -> None:
    """Trains members of one family; no `max_samples` is 0, no `data_dir` is empty."""
    from components.family_trainer.step import family_trainer

    family_trainer(
        trained.path,
        family=family,
        members=members,
        first_member=first_member,
        seed=seed,
        dataset=dataset,
        max_samples=max_samples or None,
        data_dir=data_dir or None,
        model=model,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        learning_rate=learning_rate,
        steps_per_execution=steps_per_execution,
        snapshots=snapshots,
        probe_samples=probe_samples,
        workers=workers,
    )
    trained.metadata["family"] = family


def component(image: str) -> BaseComponent:
    """The component, run in a container image."""
    return in_image(family_trainer, image)
