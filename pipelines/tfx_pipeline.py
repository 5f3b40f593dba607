"""Runs an experiment as a TFX pipeline on this machine, with lineage and a cache.

python -m pipelines.tfx_pipeline --flagfile=exp.flags --pipeline_root=ROOT
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from akp_keras.executors import Workplace, limit_linear_algebra, open_executor, share_workplace

# TFX is imported in the functions: every worker process imports this module again.
if TYPE_CHECKING:
    from akp_keras.settings import Experiment, Running
    from pipelines.settings import Pipeline

PROGRAM = "pipelines.tfx_pipeline"


def main(arguments: Sequence[str]) -> int:
    """Run the pipeline that the flags describe; return the exit code."""
    limit_linear_algebra()
    from akp_keras.settings import Experiment, Running
    from akp_keras.settings.flags import run_with_settings
    from pipelines.settings import Pipeline

    groups = (Pipeline, Experiment, Running)
    return run_with_settings(_run, groups, arguments, program=PROGRAM, description=__doc__)


def _run(pipeline: Pipeline, experiment: Experiment, running: Running) -> str:
    from akp_keras.code_version import code_version
    from akp_keras.files.locks import locked_folder
    from akp_keras.tensorflow_runtime import quiet_start
    from pipelines.settings import require_extra

    pipeline.require_root()
    require_extra("tfx", "tfx")
    # TFX imports TensorFlow.
    with quiet_start():
        from tfx.orchestration.local.local_dag_runner import LocalDagRunner

        from pipelines.lineage import METADATA_FILE, executions, newest_output
        from pipelines.tfx_graph import create_pipeline

    root = Path(pipeline.pipeline_root).absolute()
    store, representations = root / METADATA_FILE, root / ".representations"
    # Two simultaneous pipelines in one store would take each other's executions for their own.
    with locked_folder(root, f"--pipeline_root={root}"):
        graph = create_pipeline(
            experiment,
            pipeline_root=root,
            metadata_path=store,
            code_version=pipeline.code_version or code_version(),
        )
        earlier = len(executions(store)) if store.exists() else 0
        with (
            open_executor(running.workers, running.dask_scheduler) as executor,
            share_workplace(Workplace(executor, representations)),
            _quiet_runner(),
        ):
            LocalDagRunner().run(graph)
        shutil.rmtree(representations, ignore_errors=True)
        now = executions(store)[earlier:]
        outcome, log, report = (
            newest_output(store, kind)
            for kind in ("DispersionOutcome", "EmbeddingLog", "ExperimentReport")
        )
    return "\n".join(
        [
            *(f"{state:<10}{node}" for node, state in now),
            f"Verdict:      {outcome.properties['verdict'].string_value}",
            f"Lineage:      python -m pipelines.lineage {outcome.uri} --metadata={store}",
            f"Report:       {report.uri}/index.html",
            f"TensorBoard:  tensorboard --logdir {log.uri}",
        ]
    )


@contextlib.contextmanager
def _quiet_runner() -> Iterator[None]:
    """Hide what TFX logs about itself.

    It warns at every input that it skips a condition that it made itself, and at every node that
    its store answers in another way; and it reports a failed step without the reason, which is in
    the exception.
    """
    noisy = {"channel_resolver", "execution_lib", "launcher"}
    logger = logging.getLogger("absl")

    def is_for_people(record: logging.LogRecord) -> bool:
        return record.module not in noisy

    logger.addFilter(is_for_people)
    try:
        yield
    finally:
        logger.removeFilter(is_for_people)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
