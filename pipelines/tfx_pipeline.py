"""Runs an experiment as a TFX pipeline on this machine, with lineage and a cache.

python -m pipelines.tfx_pipeline --flagfile=exp.flags --pipeline_root=ROOT
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# TFX is imported in the functions: every worker process imports this module once more.
if TYPE_CHECKING:
    from absl import flags

PROGRAM = "pipelines.tfx_pipeline"


def main(arguments: Sequence[str]) -> int:
    """Runs the pipeline that the flags describe.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The exit code, as `akp_keras.command_line.run_command` gives it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from akp_keras.executors import limit_linear_algebra

    limit_linear_algebra()
    from akp_keras.command_line import run_command
    from akp_keras.experiment.flags import STAGES
    from pipelines.flags import PIPELINE_STAGE

    return run_command(
        arguments,
        program=PROGRAM,
        description=__doc__,
        define_flags=define_flags,
        stages=[*STAGES, PIPELINE_STAGE],
        work=_run,
    )


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `akp_keras.main`, and those of the pipeline."""
    from absl import flags

    from akp_keras.command_line import list_under
    from akp_keras.experiment.flags import define_flags as define_experiment
    from pipelines.flags import PIPELINE_STAGE, define_code_version

    define_experiment(values)
    list_under(
        values,
        PIPELINE_STAGE,
        [
            flags.DEFINE_string(
                "pipeline_root",
                None,
                "The folder of artifacts and of the metadata store, metadata.sqlite; takes the "
                "place of --run_dir.",
                flag_values=values,
            ),
            define_code_version(values),
        ],
    )


def _run(values: flags.FlagValues) -> str:
    from akp_keras.comparison.unfinished_folder import locked_folder
    from akp_keras.executors import open_executor
    from akp_keras.experiment.flags import execution_from_flags, settings_from_flags
    from akp_keras.tensorflow_runtime import quiet_start
    from components.workers import share_workers
    from pipelines.experiment_steps import experiment_steps
    from pipelines.flags import code_version_from, require_extra

    if not values.pipeline_root:
        raise ValueError("--pipeline_root is missing; name the folder that artifacts go to")
    settings, execution = settings_from_flags(values), execution_from_flags(values)
    require_extra("tfx", "tfx")
    # TFX imports TensorFlow.
    with quiet_start():
        from tfx.orchestration.local.local_dag_runner import LocalDagRunner

        from pipelines.lineage import METADATA_FILE, executions, newest_output
        from pipelines.tfx_graph import create_pipeline

    root = Path(values.pipeline_root).absolute()
    store = root / METADATA_FILE
    # Two pipelines at once in one store would each take the other's executions for its own.
    with locked_folder(root, f"--pipeline_root={root}"):
        pipeline = create_pipeline(
            experiment_steps(settings, execution.data_dir),
            pipeline_root=root,
            metadata_path=store,
            code_version=code_version_from(values),
        )
        earlier = len(executions(store)) if store.exists() else 0
        with (
            open_executor(execution.workers, execution.dask_scheduler) as executor,
            share_workers(executor),
            _quiet_runner(),
        ):
            LocalDagRunner().run(pipeline)
        now = executions(store)[earlier:]
        outcome, log, report = (
            newest_output(store, kind)
            for kind in ("DispersionOutcome", "EmbeddingLog", "ExperimentReport")
        )
    ran = [f"{state:<10}{node}" for node, state in now]
    return "\n".join(
        [
            *ran,
            f"Verdict:      {outcome.properties['verdict'].string_value}",
            f"Lineage:      python -m pipelines.lineage {outcome.uri} --metadata={store}",
            f"Report:       {report.uri}/index.html",
            f"TensorBoard:  tensorboard --logdir {log.uri}",
        ]
    )


@contextlib.contextmanager
def _quiet_runner() -> Iterator[None]:
    """Keeps what TFX logs about itself off the terminal.

    For every input of every step it warns that it passes over a condition of its own making, and
    when a step fails it says so without the reason, which the exception tells.
    """
    noisy = {"channel_resolver", "launcher"}
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
