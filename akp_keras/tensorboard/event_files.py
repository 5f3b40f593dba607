"""Event files, written without TensorFlow, the same bytes every time.

TensorBoard's own writer puts time, host and process into the file's name, and imports TensorFlow
where that is installed.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import google_crc32c
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

EVENT_FILE = "events.out.tfevents.0000000001.akp"
# Sorted before the other, so that a running TensorBoard continues with that one; and after those
# of earlier processes, because a running TensorBoard does not read a file again that has gone.
LIVE_EVENT_FILE = f"events.out.tfevents.0000000000.{time.time_ns():020d}.live.akp"


def write_event_file(
    run_folder: Path, summaries: Iterable[tuple[int, Summary]] = (), *, wall_time: float
) -> None:
    """Write an event file, which makes its folder a run of TensorBoard.

    A folder without an event file is not a run, whatever it holds: each run has one, if necessary
    without summaries.

    Args:
        run_folder: the folder of the run; created if it is missing.
        summaries: pairs of a step and a summary, as `tensorboard.plugins.*.summary` makes them.
        wall_time: time of every event in seconds. TensorBoard sorts runs by the time of their
            first event, and a constant keeps the file's bytes the same.
    """
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / EVENT_FILE).open("wb") as file:
        _write_version(file, wall_time)
        _write_restarted(file, summaries, wall_time, step=0)


def append_events(
    run_folder: Path, summaries: Iterable[tuple[int, Summary]], *, wall_time: float
) -> None:
    """Append summaries to a run that TensorBoard is reading.

    A series that is written again from its first step replaces the earlier one.

    Args:
        run_folder: the folder of the run; created if it is missing.
        summaries: pairs of a step and a summary.
        wall_time: time of every event in seconds.
    """
    summaries = list(summaries)
    run_folder.mkdir(parents=True, exist_ok=True)
    with (run_folder / LIVE_EVENT_FILE).open("ab") as file:
        if file.tell() == 0:
            _write_version(file, wall_time)
        if summaries:
            _write_restarted(file, summaries, wall_time, step=min(step for step, _ in summaries))


def _write_version(file: BinaryIO, wall_time: float) -> None:
    _write(file, Event(wall_time=wall_time, file_version="brain.Event:2"))


def _write_restarted(
    file: BinaryIO, summaries: Iterable[tuple[int, Summary]], wall_time: float, *, step: int
) -> None:
    # TensorBoard's data server infers a restart from a repeated step; its Python reader needs the
    # session log.
    restart = SessionLog(status=SessionLog.START)
    _write(file, Event(wall_time=wall_time, step=step, session_log=restart))
    for step, summary in summaries:
        _write(file, Event(wall_time=wall_time, step=step, summary=summary))


def _write(file: BinaryIO, event: Event) -> None:
    data = event.SerializeToString(deterministic=True)
    length = struct.pack("<Q", len(data))
    checksums = (struct.pack("<I", masked_checksum(part)) for part in (length, data))
    file.write(length + next(checksums) + data + next(checksums))


def masked_checksum(data: bytes) -> int:
    """Return the CRC-32C of bytes, masked as in TFRecord files, in [0, 2³²).

    TensorBoard's own function loops over the bytes in Python, which dominates the time of large
    records.
    """
    checksum = google_crc32c.value(data)
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF
