"""Is an experiment of thousands of members judged and shown within bounds?

python benchmarks/many_members.py [--members=2000] [--permutations=999]

Members, eight per family, are points at one layer under one measure; no network is trained. A table
has the seconds and the peak memory of both tests and of the report, on one core, and the sizes of
the matrix and of the page. The exit code is 1 if the tests take more than 30 s of the processor or
1 GB, or the page has more than 10 MB.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from absl import app, flags

from akp_keras.comparison.matrix import SimilarityMatrix, read_matrix, write_matrix
from akp_keras.executors import limit_linear_algebra
from akp_keras.export import MemberRecord
from akp_keras.report import write_report
from akp_keras.steps.principle import Principle, judge_principle
from akp_keras.steps.verdicts import JudgingSettings, Outcomes, judge_layers

_MEMBERS = flags.DEFINE_integer("members", 2000, "members", lower_bound=16)
_PERMUTATIONS = flags.DEFINE_integer("permutations", 999, "permutations", lower_bound=99)
_OF_FAMILY = 8
_LAYER, _MEASURE = "dense", "cka.linear"
Judged = tuple[Outcomes, Principle]
_MOST_SECONDS, _MOST_MEGABYTES, _MOST_PAGE = 30.0, 1000.0, 10.0


def write_experiment(path: Path, members: int) -> list[MemberRecord]:
    """Write a matrix of members whose dispersion grows as their accuracy falls; return records."""
    rng = np.random.default_rng(0)
    families = [f"family-{number:03}" for number in range(members // _OF_FAMILY)]
    accuracy = np.linspace(0.95, 0.6, len(families))
    families[0] = "control"
    records = [
        _record(family, number, seed, accuracy[number] - 0.001 * seed)
        for number, family in enumerate(families)
        for seed in range(_OF_FAMILY)
    ]
    spread = np.repeat(1.0 - accuracy, _OF_FAMILY)[:, None]
    places = np.repeat(rng.normal(size=(len(families), 20)), _OF_FAMILY, axis=0)
    points = places + spread * rng.normal(size=(len(records), 20))
    norms = (points**2).sum(axis=1)
    squared = np.maximum(norms[:, None] + norms - 2 * points @ points.T, 0.0)
    np.fill_diagonal(squared, 0.0)
    distances = np.sqrt((squared + squared.T) / (2 * squared.max()))
    matrix = SimilarityMatrix(
        layer=_LAYER,
        measure=_MEASURE,
        members=tuple(record.name for record in records),
        values=1 - distances**2 / 2,
        distances=distances,
        samples=256,
        features=np.full(len(records), 64),
        ranks=np.full(len(records), 64),
    )
    write_matrix(path, matrix)
    return records


def _record(family: str, number: int, seed: int, accuracy: float) -> MemberRecord:
    rising = tuple(accuracy * (1 - 0.5**epoch) for epoch in range(1, 9))
    falling = tuple(1 - value for value in rising)
    return MemberRecord(
        family=family,
        seed=seed,
        schedule="@0 activation=relu" + (f"; @{number} activation=elu" if number else ""),
        layers=(_LAYER,),
        metrics={"train_accuracy": accuracy, "test_accuracy": accuracy, "gap": 0.0},
        history={"val_accuracy": rising, "val_loss": falling},
        swaps=(),
        steps_per_epoch=10,
    )


def judge(matrix: SimilarityMatrix, records: list[MemberRecord]) -> Judged:
    """Put both tests to the members."""
    settings = JudgingSettings(control="control", permutations=_PERMUTATIONS.value)
    generalisation = {record.name: record.metrics["test_accuracy"] for record in records}
    return (
        judge_layers([matrix], generalisation, settings),
        judge_principle([matrix], records, settings),
    )


def measured(work: Callable[[], object]) -> tuple[object, float, float, float]:
    """Return what the work returns, its seconds of wall clock and processor, and peak megabytes."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    seconds = time.perf_counter() - wall, time.process_time() - processor
    return result, *seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main(_: list[str]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "matrix.npz"
        # Made in a process of its own, whose memory does not count.
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as executor:
            records = executor.submit(write_experiment, path, _MEMBERS.value).result()
        matrix = read_matrix(path)
        (outcomes, principle), wall, processor, megabytes = measured(lambda: judge(matrix, records))
        print(f"{len(records)} members, {_PERMUTATIONS.value} permutations")
        print("| stage | wall (s) | processor (s) | peak memory (MB) | size (MB) |")
        print("| --- | --- | --- | --- | --- |")
        size = path.stat().st_size / 1e6
        print(
            f"| tests | {wall:.1f} | {processor:.1f} | {megabytes:.0f} | {size:.1f} (matrix) |",
            flush=True,
        )
        page, *report = measured(
            lambda: write_report(
                Path(scratch) / "report",
                title="Many members",
                members=records,
                matrices=[matrix],
                outcomes=outcomes,
                principle=principle,
                settings={},
                data_description="Points in the plane, no networks.",
            )
        )
        shown = page.stat().st_size / 1e6
        print("| report | {:.1f} | {:.1f} | {:.0f} | {:.1f} (page) |".format(*report, shown))
    sys.exit(processor > _MOST_SECONDS or megabytes > _MOST_MEGABYTES or shown > _MOST_PAGE)


if __name__ == "__main__":
    limit_linear_algebra()
    app.run(main)
