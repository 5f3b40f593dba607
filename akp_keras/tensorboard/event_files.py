"""Event files, written without TensorFlow and with the same bytes each time.

TensorBoard's own writer puts the time, the host and the process into the file's name and
imports TensorFlow where it is installed; this one does neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

EVENT_FILE = "events.out.tfevents.0000000001.akp"


def write_event_file(
    run_folder: Path, summaries: Iterable[tuple[int, Summary]] = (), *, wall_time: float
) -> None:
    """Makes a folder a run of TensorBoard.

    A folder without an event file is no run, whatever else lies in it, so each run gets one,
    if need be without summaries.

    Args:
      run_folder: the folder of the run; made if it is not there.
      summaries: pairs of a step and a summary, as `tensorboard.plugins.*.summary` makes them.
      wall_time: seconds that stand in every event. TensorBoard lists runs by the time of
        their first event, and a constant keeps the file's bytes the same.
    """
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / EVENT_FILE).open("wb") as file:
        records = RecordWriter(file)
        first = Event(wall_time=wall_time, file_version="brain.Event:2")
        records.write(first.SerializeToString(deterministic=True))
        for step, summary in summaries:
            event = Event(wall_time=wall_time, step=step, summary=summary)
            records.write(event.SerializeToString(deterministic=True))
