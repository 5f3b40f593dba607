"""TensorBoard while the families train: the members that have ended, as they end."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from akp_keras.data import read_probe
from akp_keras.export import MemberRecord, read_member
from akp_keras.models import tapped_layers
from akp_keras.settings import Experiment
from akp_keras.steps.log_directory import follow_training
from akp_keras.steps.run_directory import RunDirectory
from akp_keras.tensorboard.whole_folders import is_experiment

_SECONDS_BETWEEN = 5.0
# The view is allowed a tenth of the time of this process, however many members there are.
_SHARE_OF_TIME = 0.1


class LiveView:
    """Shows the members so far; what goes wrong here is said once and stops nothing.

    It needs snapshots: without them, or where the whole log directory is there, it does nothing.

    Args:
        experiment: its settings.
        directory: its run directory.
    """

    def __init__(self, experiment: Experiment, directory: RunDirectory) -> None:
        self._experiment = experiment
        self._directory = directory
        self._live = None
        self._ended: dict[str, MemberRecord] = {}
        self._waiting: list[str] = []
        self._next = 0.0
        self._is_on = bool(experiment.snapshots) and not is_experiment(directory.tensorboard)

    def begin(self, ended: Sequence[str]) -> None:
        """Shows the members that an earlier run has left."""
        self._waiting += ended
        if ended:
            self._update_safely()

    def member_ended(self, name: str) -> None:
        """Takes note of a member, and shows the state if the last time is some seconds ago."""
        self._waiting.append(name)
        if time.monotonic() >= self._next:
            self._update_safely()

    def end(self) -> None:
        """Shows the members that the last update did not."""
        if self._waiting:
            self._update_safely()

    def _update_safely(self) -> None:
        if not self._is_on:
            return
        began = time.monotonic()
        try:
            self._update()
        except Exception as error:  # the view may fail in any way; the training goes on
            self._is_on = False
            print(
                f"akp_keras: TensorBoard's live view stops ({type(error).__name__}: {error}); "
                "training goes on, and the log directory is written at its end",
                file=sys.stderr,
            )
        ended = time.monotonic()
        self._next = ended + max(_SECONDS_BETWEEN, (ended - began) / _SHARE_OF_TIME)

    def _update(self) -> None:
        from akp_keras.tensorboard.live import LiveDirectory

        for name in self._waiting:
            self._ended[name] = read_member(self._directory.member(name))
        self._waiting = []
        if len(self._ended) < 2:
            return
        order = [member.name for member in self._experiment.planned_members()]
        members = [self._ended[name] for name in order if name in self._ended]
        followed, _ = follow_training(
            {member.name: self._directory.member(member.name) for member in members},
            tapped_layers(self._experiment.model),
            self._experiment.measures[0],
            memory_gb=self._experiment.memory_gb,
        )
        if not followed:
            return
        if self._live is None:
            self._live = LiveDirectory(
                self._directory.tensorboard,
                [family.name for family in self._experiment.parsed_families],
                read_probe(self._directory.probe),
                self._experiment.control,
            )
        self._live.update(members, followed)
