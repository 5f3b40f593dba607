"""The training of members by any executor, one task per member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path

from akp_keras.failures import named_file
from akp_keras.settings import Member, TrainingSettings
from akp_keras.tensorflow_runtime import configure_tensorflow, machine_errors


def check_training(settings: TrainingSettings) -> tuple[str, ...]:
    """Build the model in this process and check that all schedules fit it.

    Returns:
        Names of the tapped layers, from input to output.

    Raises:
        ValueError: in one line that names what does not fit and what is valid.
    """
    trainer = _trainer(settings)
    trainer.check()
    return trainer.taps


def train_member(settings: TrainingSettings, member: Member, folder: str) -> str:
    """Train one member in this process.

    Args:
        settings: the settings that all members share.
        member: the member.
        folder: `members/<family>/<seed>`; created whole, by rename, or not at all.

    Returns:
        The member's name.

    Raises:
        OSError, MemoryError: if the disk or the memory is full.
    """
    with named_file(folder), machine_errors():
        _trainer(settings).train(member, Path(folder))
    return member.name


def train_members(
    settings: TrainingSettings,
    members: Sequence[Member],
    folder: str | Path,
    *,
    executor: Executor,
    done: Callable[[str], None] = lambda name: None,
) -> None:
    """Train members into `folder/<family>/<seed>`, in one task per member.

    Args:
        settings: the settings that all members share.
        members: the members to train.
        folder: parent of the members' folders; for an executor on other machines, a folder to
            which all of them have access.
        executor: runs the tasks.
        done: called with a member's name when its folder exists.

    Raises:
        ValueError: from the first task that fails; tasks that have not started are cancelled.
    """
    tasks = [
        executor.submit(train_member, settings, member, str(Path(folder).absolute() / member.name))
        for member in members
    ]
    try:
        for task in as_completed(tasks):
            done(task.result())
    finally:
        for task in tasks:
            task.cancel()


def _trainer(settings: TrainingSettings):  # noqa: ANN202 - its module imports TensorFlow
    configure_tensorflow()
    from akp_keras.training.trainer import trainer_for

    return trainer_for(settings)
