"""The training of the members of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from akp_keras.code_version import training_versions
from akp_keras.executors import open_workplace
from akp_keras.export import MemberRecord, read_member
from akp_keras.progress import progress
from akp_keras.settings import Member
from akp_keras.settings.field import Group, setting
from akp_keras.settings.groups import TrainingSettings, Workers
from akp_keras.steps.products import MEMBER
from akp_keras.steps.step import Facts, Output, Step
from akp_keras.tensorboard.live_view import LiveView
from akp_keras.training import check_training, train_members


@dataclass(frozen=True, kw_only=True)
class FirstMember(Group, stage="families"):
    """The number of the first member."""

    first_member: int = setting(
        0,
        "Number of the first member to train; a fan-out over members sets it per task.",
        least=0,
        most=10**6,
    )


@dataclass(frozen=True, kw_only=True)
class FamilyTrainerSettings(TrainingSettings, FirstMember, Workers):
    """What is trained, and how."""


def family_trainer(
    folder: Path, settings: FamilyTrainerSettings, view: LiveView | None = None
) -> Facts:
    r"""Train the members of families, in `<family>/<seed>/`.

    akp family_trainer --family='late: @0 activation=relu; @6 activation=sigmoid' --members=8 \
        --output=MEMBERS

    A member's weights depend on the seed, the name and schedule of its family, and its number:
    they are bit-identical here, in a whole experiment, and if it is trained alone. Members that
    the folder already holds are kept; it is an error if they were trained with other settings.
    """
    members = settings.planned_members(settings.first_member)
    missing = missing_members(folder, settings, members)
    if missing:
        kept = [member.name for member in members if member not in missing]
        with (
            open_workplace(settings.workers) as workplace,
            progress("training members", len(members), finished=len(kept)) as done,
        ):

            def ended(name: str) -> None:
                done(name)
                if view is not None:
                    view.member_ended(name)

            workplace.executor.submit(check_training, settings).result()
            if view is not None:
                view.begin(kept)
            train_members(
                settings,
                # All families grow together, so that they can be compared during training.
                sorted(missing, key=lambda member: member.seed),
                folder,
                executor=workplace.executor,
                done=ended,
            )
            if view is not None:
                view.end()
    return {"trained": [_facts(member) for member in members]}


def missing_members(
    folder: Path, settings: TrainingSettings, members: Sequence[Member]
) -> list[Member]:
    """Return the members that have no folder yet.

    Raises:
        ValueError: in one line, if a member is damaged, or was trained with other settings, or
            others would be trained with another version of Keras or TensorFlow.
    """
    kept = [member for member in members if (folder / member.name).exists()]
    records = {folder / member.name: read_member(folder / member.name) for member in kept}
    for member in kept:
        place = folder / member.name
        _refuse_other(place, records[place], member, settings.shared_values())
    missing = [member for member in members if member not in kept]
    if missing:
        for place, record in records.items():
            _refuse_other_versions(place, record)
    return missing


def _refuse_other_versions(place: Path, record: MemberRecord) -> None:
    installed = training_versions()
    for library in ("keras", "tensorflow"):
        version = record.versions.get(library, installed[library])
        if version != installed[library]:
            raise ValueError(
                f"member folder {place} was trained with {library} {version}, and "
                f"{installed[library]} is installed, so new members could not be compared with it; "
                f"install {library}=={version}, or name another folder"
            )


def _refuse_other(
    place: Path, record: MemberRecord, member: Member, wanted: Mapping[str, object]
) -> None:
    schedule = str(member.family.schedule)
    if (record.name, record.schedule) != (member.name, schedule):
        raise ValueError(
            f"member folder {place} holds {record.name} with the schedule {record.schedule!r}; "
            "remove it and run again to retrain this member"
        )
    for name in sorted({*wanted, *record.settings}):
        before, after = record.settings.get(name), wanted.get(name)
        if before != after:
            raise ValueError(
                f"member folder {place} was trained with --{name}={before}, not {after}; remove "
                "it and run again to retrain this member"
            )


def _facts(member: Member) -> dict[str, object]:
    return {
        "path": member.name,
        "family": member.family.name,
        "seed": member.seed,
        "random_seed": member.random_seed,
        "schedule": str(member.family.schedule),
    }


FAMILY_TRAINER = Step(
    family_trainer,
    settings=FamilyTrainerSettings,
    outputs={"trained": Output(MEMBER, several=True)},
    component="FamilyTrainer",
    means="Train",
    # Wrong settings of the data are reported before anything is trained.
    after=("probe_set",),
    whole=False,
    per_family=True,
    runs_networks=True,
)
