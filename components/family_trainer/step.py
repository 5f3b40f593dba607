"""The step as a plain function."""

from __future__ import annotations

import shutil
from pathlib import Path

from akp_keras.comparison.unfinished_folder import whole_folder
from akp_keras.experiment.family import Family
from akp_keras.experiment.settings import check_numbers
from akp_keras.models import tapped_layers
from akp_keras.progress import progress
from akp_keras.training import MemberSpecification, TrainingSettings, train_members
from akp_keras.training.snapshot_epochs import parse_snapshots
from components.workers import open_workers


def family_trainer(
    output: str | Path,
    *,
    family: str,
    members: int,
    first_member: int = 0,
    seed: int,
    dataset: str,
    max_samples: int | None = None,
    data_dir: str | None = None,
    model: str,
    epochs: int,
    batch_size: int,
    optimizer: str,
    learning_rate: float,
    steps_per_execution: int,
    snapshots: str = "",
    probe_samples: int = 0,
    workers: int = 1,
) -> list[MemberSpecification]:
    """Trains members of one family.

    A member's weights follow from the seed, its family's name and schedule, and its number: the
    same member has the same bits here, in `akp_keras.main`, and trained alone.

    Args:
        output: the folder to write: one folder a member in it, named by its number.
        family: `name: when what…; when what…`; this and the rest as `akp_keras.main` takes them,
            but for `first_member`.
        members: how many members are trained, …
        first_member: … from this number on; a fan-out over members gives each its own.
        seed: …
        dataset: …
        max_samples: …
        data_dir: …
        model: …
        epochs: …
        batch_size: …
        optimizer: …
        learning_rate: …
        steps_per_execution: …
        snapshots: …
        probe_samples: …; matters for snapshots alone.
        workers: …; where workers are shared, those are used.

    Returns:
        The members trained.

    Raises:
        ValueError: in one line that names the flag and what would be right.
    """
    check_numbers(
        {
            "members": members,
            "seed": seed,
            "max_samples": max_samples,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "steps_per_execution": steps_per_execution,
        }
    )
    if first_member < 0:
        raise ValueError(f"--first_member={first_member} must be at least 0")
    trained = Family.parse(family)
    trained.check(epochs)
    tapped_layers(model)
    epochs_kept = parse_snapshots(snapshots, epochs)
    schedule = str(trained.schedule)
    settings = TrainingSettings(
        dataset=dataset,
        data_dir=data_dir,
        data_seed=seed,
        max_samples=max_samples,
        model=model,
        optimizer=optimizer,
        learning_rate=learning_rate,
        epochs=epochs,
        batch_size=batch_size,
        steps_per_execution=steps_per_execution,
        schedules=((trained.name, schedule),),
        probe_samples=probe_samples if epochs_kept else 0,
        snapshots=epochs_kept,
    )
    specifications = [
        MemberSpecification(trained.name, number, schedule, seed)
        for number in range(first_member, first_member + members)
    ]
    with (
        whole_folder(output) as folder,
        open_workers(workers) as executor,
        progress(f"training {trained.name}", members) as done,
    ):
        training = folder / "training"
        train_members(settings, specifications, training, executor=executor, done=done)
        for member in specifications:
            (training / member.name).rename(folder / str(member.seed))
        shutil.rmtree(training)
    return specifications
