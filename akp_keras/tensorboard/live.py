"""The log directory while members are trained."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tensorboard.plugins.text.summary_v2 import text_pb

from akp_keras.tensorboard.coordinates import classical_scaling
from akp_keras.tensorboard.custom_charts import charts_layout
from akp_keras.tensorboard.embeddings import write_embeddings
from akp_keras.tensorboard.event_files import append_events
from akp_keras.tensorboard.experiment import (
    FAMILIES_TIME,
    MEMBERS_TIME,
    MODELS_RUN,
    MODELS_TIME,
    MOST_RUNS,
    TRAINING_TIME,
)
from akp_keras.tensorboard.family_run import dispersions_by_epoch, family_summaries, of_family
from akp_keras.tensorboard.page_pictures import draw_pictures
from akp_keras.tensorboard.page_trajectories import page_trajectory
from akp_keras.tensorboard.plugin_data import page_summaries
from akp_keras.tensorboard.training_map import map_of_training
from akp_keras.tensorboard.training_run import member_summaries
from akp_keras.tensorboard.whole_folders import begin_live

if TYPE_CHECKING:
    from akp_keras.comparison.trajectories import Trajectories
    from akp_keras.data.records import ProbeSet
    from akp_keras.export.member_record import MemberRecord

_RUNS_OF_ALL = 2
_ABOUT = (
    "Members are still being trained; this shows those that are finished, {count} so far. The "
    "reload button loads the newest state. The projector reads a run only once, so each state has "
    "its own run: choose `{run}` after reloading. Layers with positions are averaged over them. "
    "When all members are trained, the whole experiment replaces this view."
)


class LiveDirectory:
    """A log directory that grows until `write_experiment` replaces it by the whole experiment.

    Args:
        logdir: the log directory; an earlier live view there is removed.
        families: names of the families that have a run of their own.
        probe: the probe set.
        control: the family to which the others are compared.

    Raises:
        ValueError: if the folder holds something that this package did not write.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        families: Sequence[str],
        probe: ProbeSet,
        control: str | None = None,
    ) -> None:
        self._folder = begin_live(logdir)
        self._families = tuple(families)[: MOST_RUNS - _RUNS_OF_ALL]
        self._pictures = draw_pictures(probe)
        self._control = control
        self._updates = 0
        self._written: set[str] = set()

    def update(self, members: Sequence[MemberRecord], trajectories: Sequence[Trajectories]) -> None:
        """Write the present state.

        `00_models` has the page's data, `families/<family>` the dispersion by epoch, the run
        `live_<number>` of the projector the members' trajectories, and `members/<family>/m<seed>`
        the curves of finished members, up to the limit on runs.

        Args:
            members: the finished members.
            trajectories: their trajectories, one per layer; at least one.
        """
        records = {member.name: member for member in members}
        by_epoch = {
            followed.layer: dispersions_by_epoch(followed, self._control)
            for followed in trajectories
        }
        self._updates += 1
        run = f"live_{self._updates:04d}"
        self._write_projector(run, trajectories, records)
        for family in self._families:
            append_events(
                self._folder / "families" / family,
                [
                    event
                    for layer, series in by_epoch.items()
                    for event in family_summaries(
                        family, {}, {layer: of_family(family, series)}, last_epoch=0
                    )
                ],
                wall_time=FAMILIES_TIME,
            )
        matrices = [followed.matrix(len(followed.epochs) - 1) for followed in trajectories]
        page = page_summaries(
            members,
            matrices,
            [classical_scaling(matrix.distances).coordinates for matrix in matrices],
            {},
            dispersions=[series[-1][1] for series in by_epoch.values()],
            trajectories=[page_trajectory(followed, records) for followed in trajectories],
            pictures=self._pictures if self._updates == 1 else None,
        )
        texts = [text_pb("about", _ABOUT.format(count=len(members), run=run))]
        if self._updates == 1:
            texts.append(charts_layout(list(by_epoch), by_epoch=True))
        append_events(
            self._folder / MODELS_RUN,
            [(self._updates, summary) for summary in (*texts, *page)],
            wall_time=MODELS_TIME,
        )
        self._write_members(members)

    def _write_projector(
        self,
        run: str,
        trajectories: Sequence[Trajectories],
        records: Mapping[str, MemberRecord],
    ) -> None:
        append_events(self._folder / run, [], wall_time=TRAINING_TIME)
        write_embeddings(
            self._folder / run, [map_of_training(followed, records) for followed in trajectories]
        )
        # A new run and a removed run make the projector read its runs again.
        shutil.rmtree(self._folder / f"live_{self._updates - 1:04d}", ignore_errors=True)

    def _write_members(self, members: Sequence[MemberRecord]) -> None:
        room = MOST_RUNS - _RUNS_OF_ALL - len(self._families)
        for member in members:
            if member.name in self._written or len(self._written) >= room:
                continue
            self._written.add(member.name)
            append_events(
                self._folder / "members" / member.family / f"m{member.seed}",
                member_summaries(member, wall_time=MEMBERS_TIME),
                wall_time=MEMBERS_TIME,
            )
