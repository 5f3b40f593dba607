"""Members trained by any executor, one task a member."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from pathlib import Path

from akp_keras.settings import Member, TrainingSettings
from akp_keras.tensorflow_runtime import configure_tensorflow


def check_training(settings: TrainingSettings) -> None:
    """Builds the model in this process and makes sure that all schedules fit it.

    Raises:
        ValueError: in one line that names what does not fit and what would.
    """
    _trainer(settings).check()


def train_member(settings: TrainingSettings, member: Member, folder: str) -> str:
    """Trains one member in this process.

    Args:
        settings: what all members have in common.
        member: the member.
        folder: `members/<family>/<seed>`; appears whole, by rename, or not at all.

    Returns:
        The member's name.
    """
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
    """Trains members, each in a task of the executor, into `folder/<family>/<seed>`.

    Args:
        settings: what all members have in common.
        members: the members to train.
        folder: where the members' folders go; for an executor on other machines, a folder that
            all of them see.
        executor: where the tasks run.
        done: called with a member's name when its folder is there.

    Raises:
        ValueError: from the first task that fails; tasks that have not begun are cancelled.
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
