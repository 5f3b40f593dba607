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
    from akp_keras.command_line import Command, run_command
    from akp_keras.settings.flags import stages_of
    from akp_keras.settings.groups import Experiment, Running
    from pipelines.flags import PIPELINE_STAGE

    command = Command(
        program=PROGRAM,
        description=__doc__,
        define_flags=define_flags,
        stages=[*stages_of(Experiment, Running), PIPELINE_STAGE],
        work=_run,
    )
    return run_command(command, arguments)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `akp_keras.main`, and those of the pipeline."""
    from absl import flags

    from akp_keras.settings.flags import define_flags as define_settings
    from akp_keras.settings.flags import list_under
    from akp_keras.settings.groups import Experiment, Running
    from pipelines.flags import PIPELINE_STAGE, define_code_version

    define_settings(values, Experiment, Running)
    root = flags.DEFINE_string(
        "pipeline_root",
        None,
        "The folder of artifacts and of the metadata store, metadata.sqlite; takes the place of "
        "--run_dir.",
        flag_values=values,
    )
    list_under(values, PIPELINE_STAGE, root, define_code_version(values))


def _run(values: flags.FlagValues) -> str:
    from akp_keras.executors import Workplace, open_executor, share_workplace
    from akp_keras.files.locks import locked_folder
    from akp_keras.settings.flags import group_from_flags
    from akp_keras.settings.groups import Experiment, Running
    from akp_keras.tensorflow_runtime import quiet_start
    from pipelines.flags import code_version_from, require_extra

    if not values.pipeline_root:
        raise ValueError("--pipeline_root is missing; name the folder that artifacts go to")
    experiment, running = (group_from_flags(group, values) for group in (Experiment, Running))
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
            experiment,
            pipeline_root=root,
            metadata_path=store,
            code_version=code_version_from(values),
        )
        earlier = len(executions(store)) if store.exists() else 0
        with (
            open_executor(running.workers, running.dask_scheduler) as executor,
            share_workplace(Workplace(executor, root / ".representations")),
            _quiet_runner(),
        ):
            LocalDagRunner().run(pipeline)
        shutil.rmtree(root / ".representations", ignore_errors=True)
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
