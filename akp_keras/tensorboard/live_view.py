"""TensorBoard while families train: the members that have ended, as they end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from akp_keras.comparison.training import follow_training
from akp_keras.data import read_probe
from akp_keras.export import MemberRecord, read_member
from akp_keras.export.member_record import family_of

_SECONDS_BETWEEN = 5.0
# The view is allowed a tenth of the time of this process, however many members there are.
_SHARE_OF_TIME = 0.1


class LiveView:
    """Decides when the state is shown; what goes wrong then is said once and stops nothing.

    Args:
        show: called with the names of all members that have ended.
        clock: returns seconds.
    """

    def __init__(
        self,
        show: Callable[[Sequence[str]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show = show
        self._clock = clock
        self._ended: list[str] = []
        self._shown = 0
        self._next = 0.0
        self._is_on = True

    def begin(self, ended: Sequence[str]) -> None:
        """Show the members that an earlier run has left."""
        self._ended += ended
        self.end()

    def member_ended(self, name: str) -> None:
        """Take note of a member, and show the state if the last time is some seconds ago."""
        self._ended.append(name)
        if self._clock() >= self._next:
            self.end()

    def end(self) -> None:
        """Show the members that have not been shown yet."""
        if not self._is_on or self._shown == len(self._ended):
            return
        began = self._clock()
        self._shown = len(self._ended)
        try:
            self._show(tuple(self._ended))
        except Exception as error:  # the view may fail in any way; the training goes on
            self._is_on = False
            print(
                f"akp_keras: TensorBoard's live view stops ({type(error).__name__}: {error}); "
                "training goes on, and the log directory is written at its end",
                file=sys.stderr,
            )
        ended = self._clock()
        self._next = ended + max(_SECONDS_BETWEEN, (ended - began) / _SHARE_OF_TIME)


@dataclass(frozen=True)
class LiveRun:
    """A run whose members have snapshots, shown while they train.

    Attributes:
        log: TensorBoard's log directory.
        members: folder of the members' folders.
        probe: file of the probe set.
        names: names of all members, in order.
        layers: names of the tapped layers.
        measure: id of the measure.
        control: name of the control family.
        memory_gb: bound on memory in GiB.
    """

    log: Path
    members: Path
    probe: Path
    names: tuple[str, ...]
    layers: tuple[str, ...]
    measure: str
    control: str
    memory_gb: float

    def view(self) -> LiveView:
        """Return a view of the run."""
        # Not before it is needed: it imports TensorBoard.
        from akp_keras.report.families import FEWEST_MEMBERS_OF_NAMED, MOST_NAMED
        from akp_keras.tensorboard.live import LiveDirectory

        records: dict[str, MemberRecord] = {}
        directories: list[LiveDirectory] = []

        def show(ended: Sequence[str]) -> None:
            for name in ended:
                if name not in records:
                    records[name] = read_member(self.members / name)
            shown = [name for name in self.names if name in records]
            if len(shown) < 2:
                return
            folders = {name: self.members / name for name in shown}
            followed, _ = follow_training(
                folders, self.layers, self.measure, memory_gb=self.memory_gb
            )
            if not followed:
                return
            if not directories:
                sizes = Counter(map(family_of, self.names))
                few = len(sizes) <= MOST_NAMED
                families = [
                    name for name, size in sizes.items() if few or size >= FEWEST_MEMBERS_OF_NAMED
                ]
                probe = read_probe(self.probe)
                directories.append(LiveDirectory(self.log, families, probe, self.control))
            directories[0].update([records[name] for name in shown], followed)

        return LiveView(show)
