"""TensorBoard's log directory of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from akp_keras.comparison.probe_inputs import read_probe_inputs
from akp_keras.comparison.representations import representations_folder, take_representations
from akp_keras.comparison.training import follow_training
from akp_keras.data import read_probe
from akp_keras.executors import open_workplace
from akp_keras.export import MemberRecord
from akp_keras.export.member_folder import SAVED_MODEL
from akp_keras.progress import progress
from akp_keras.settings.groups import Memory, SomeMeasures, View, Workers
from akp_keras.steps.inputs import file_in, read_compared
from akp_keras.steps.probe_set import PROBE_FILE
from akp_keras.steps.products import LOG, MATRICES, MEMBER, OUTCOME, PROBE
from akp_keras.steps.step import Facts, Input, Output, Step
from akp_keras.steps.verdicts import OUTCOMES_FILE, Outcomes, read_outcomes
from akp_keras.tensorboard.log_directory import write_log_directory


@dataclass(frozen=True, kw_only=True)
class EmbeddingWriterSettings(View, Memory, SomeMeasures, Workers):
    """What TensorBoard shows."""


def embedding_writer(
    folder: Path,
    settings: EmbeddingWriterSettings,
    matrices: str | Path,
    members: Sequence[str | Path],
    outcome: str | Path,
    probe: str | Path,
) -> Facts:
    r"""Write the log directory that shows an experiment in TensorBoard.

    akp embedding_writer --matrices=RUN/similarity --members='RUN/members/*/*' \
        --outcome=RUN/dispersion.json --probe=RUN/probe.npz --output=LOGDIR

    The directory is created whole, and replaces an earlier one. If all members have snapshots,
    training is shown over time.
    """
    records, compared = read_compared(members, matrices, settings.measures)
    outcomes = read_outcomes(file_in(outcome, OUTCOMES_FILE))
    probe = file_in(probe, PROBE_FILE)
    samples, inputs = read_probe(probe), read_probe_inputs(probe)
    layers = tuple(dict.fromkeys(matrix.layer for matrix in compared))
    with (
        open_workplace(settings.workers) as workplace,
        representations_folder(workplace.representations, inputs, folder.parent) as answers,
        progress("tensorboard", len(records)) as done,
    ):
        trajectories, not_followed = [], {}
        if all((place / "snapshots").is_dir() for place in records):
            trajectories, not_followed = follow_training(
                {record.name: place for place, record in records.items()},
                layers,
                compared[0].measure,
                executor=workplace.executor,
                memory_gb=settings.memory_gb,
            )
        take_representations(
            {record.name: place / SAVED_MODEL for place, record in records.items()},
            inputs.arrays,
            answers,
            executor=workplace.executor,
            layers=layers,
            done=done,
        )
        write_log_directory(
            folder,
            members=list(records.values()),
            shown=_shown(list(records.values()), outcomes, settings.projector_members),
            answers=answers,
            matrices=compared,
            outcomes=outcomes,
            probe=samples,
            executor=workplace.executor,
            trajectories=trajectories,
            not_followed=not_followed,
        )
    return {}


def _shown(records: Sequence[MemberRecord], outcomes: Outcomes, per_family: int) -> list[str]:
    """Return the members whose samples are shown: of families of one legend, those of the first."""
    from akp_keras.report.families import legends_of

    control = next(iter(outcomes.values())).control
    first: dict[str, str] = {}
    for family, legend in legends_of(records, control).items():
        first.setdefault(legend, family)
    return [
        record.name
        for record in records
        if record.family in first.values() and record.seed < per_family
    ]


EMBEDDING_WRITER = Step(
    embedding_writer,
    settings=EmbeddingWriterSettings,
    inputs={
        "matrices": Input(MATRICES),
        "members": Input(MEMBER, several=True),
        "outcome": Input(OUTCOME),
        "probe": Input(PROBE),
    },
    outputs={"log": Output(LOG)},
    component="EmbeddingWriter",
    # Further log directories are written next to the first, so one rename is not enough.
    whole=False,
    runs_networks=True,
)
