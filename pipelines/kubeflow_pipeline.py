"""Compiles an experiment to a Kubeflow pipeline, or runs that pipeline on this machine.

python -m pipelines.kubeflow_pipeline --flagfile=exp.flags --image=IMAGE --compile=pipeline.yaml
python -m pipelines.kubeflow_pipeline --flagfile=exp.flags --local --pipeline_root=ROOT
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import warnings
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from akp_keras.command_line import Command, WorkFailed, run_command

if TYPE_CHECKING:
    from absl import flags
    from kfp.dsl.base_component import BaseComponent

PROGRAM = "pipelines.kubeflow_pipeline"
# What the compiler of Kubeflow takes.
_MEMORY = re.compile(r"[1-9]\d*(?:[EPTGMK]i?)?")
# In the folder that the runner makes for each run, whose name holds the time.
_VERDICT = "*/dispersion-test/verdict"


def main(arguments: Sequence[str]) -> int:
    """Compiles or runs the pipeline that the flags describe.

    Args:
        arguments: the command line without the program's name.

    Returns:
        The exit code, as `akp_keras.command_line.run_command` gives it.
    """
    from akp_keras.settings.flags import stages_of
    from akp_keras.settings.groups import Experiment
    from pipelines.flags import PIPELINE_STAGE

    command = Command(
        program=PROGRAM,
        description=__doc__,
        define_flags=define_flags,
        stages=[*stages_of(Experiment), PIPELINE_STAGE],
        work=_run,
        resume="run again",
    )
    return run_command(command, arguments)


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of `akp_keras.main`, and those of the pipeline."""
    from absl import flags

    from akp_keras import __version__
    from akp_keras.settings.flags import define_flags as define_settings
    from akp_keras.settings.flags import list_under
    from akp_keras.settings.groups import Experiment, Running
    from pipelines.flags import PIPELINE_STAGE, define_code_version

    define_settings(values, Experiment, Running)
    here = {"flag_values": values}
    list_under(
        values,
        PIPELINE_STAGE,
        *[
            flags.DEFINE_string("compile", None, "The YAML file to write.", **here),
            flags.DEFINE_boolean(
                "local", False, "Run the pipeline here, each step in a process.", **here
            ),
            flags.DEFINE_string(
                "pipeline_root", None, "With --local, the folder that artifacts go to.", **here
            ),
            flags.DEFINE_string(
                "image",
                f"akp-keras:{__version__}",
                "The container image of every step, as the Dockerfile makes it.",
                **here,
            ),
            flags.DEFINE_integer(
                "cpus",
                2,
                "Processor cores, and worker processes, of each step that runs networks.",
                lower_bound=1,
                **here,
            ),
            flags.DEFINE_string(
                "memory", None, "Memory of each step that runs networks, for example 8Gi.", **here
            ),
            flags.DEFINE_integer("gpus", 0, "GPUs of each trainer.", lower_bound=0, **here),
            flags.DEFINE_string(
                "accelerator", "nvidia.com/gpu", "What the cluster calls a GPU.", **here
            ),
            flags.DEFINE_integer(
                "parallel_families",
                0,
                "How many families train at the same time; 0 for all.",
                lower_bound=0,
                **here,
            ),
            define_code_version(values),
        ],
    )


def _run(values: flags.FlagValues) -> str:
    from akp_keras.settings.flags import group_from_flags
    from akp_keras.settings.groups import Experiment
    from pipelines.flags import code_version_from, require_extra

    if bool(values["compile"].value) == values.local:
        raise ValueError("give either --compile=FILE or --local")
    if values.local and not values.pipeline_root:
        raise ValueError("--pipeline_root is missing; name the folder that artifacts go to")
    _check_cluster(values)
    experiment = group_from_flags(Experiment, values)
    require_extra("kfp", "kfp")
    from pipelines.kubeflow_graph import Resources, create_pipeline

    pipeline = create_pipeline(
        experiment,
        image=values.image,
        resources=Resources(
            cpus=values.cpus,
            memory=values.memory,
            gpus=values.gpus,
            accelerator=values.accelerator,
            parallel_families=values.parallel_families,
        ),
        code_version=code_version_from(values),
    )
    if values.local:
        return _run_here(pipeline, Path(values.pipeline_root).absolute())
    return _compile(pipeline, Path(values["compile"].value))


def _check_cluster(values: flags.FlagValues) -> None:
    if not values.image.strip():
        raise ValueError("--image is empty; name the container image of the steps")
    if values.gpus and not values.accelerator.strip():
        raise ValueError("--accelerator is empty; name what the cluster calls a GPU, or --gpus=0")
    if values.memory is not None and not _MEMORY.fullmatch(values.memory):
        raise ValueError(
            f"--memory={values.memory} is no amount of memory; write a whole number and E, P, T, "
            "G, M, K, Ei, Pi, Ti, Gi, Mi or Ki, for example 8Gi"
        )


def _compile(pipeline: BaseComponent, path: Path) -> str:
    from kfp import compiler

    from akp_keras.files.whole import whole_file

    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(f"--compile={path} must end in .yaml")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"--compile={path}: there is no folder {path.absolute().parent}")
    try:
        with whole_file(path) as unfinished:
            compiler.Compiler().compile(pipeline, str(unfinished))
    except OSError as error:
        raise ValueError(f"--compile={path} cannot be written: {error.strerror}") from error
    return f"Pipeline: {path}"


def _run_here(pipeline: BaseComponent, root: Path) -> str:
    from kfp import local

    from akp_keras.files.locks import locked_folder

    # The runner starts `python3` of the path, which has to be this Python, and it has to find
    # the components wherever it is started.
    here = Path(__file__).parents[1]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    # The image matters elsewhere: here the steps run in this environment.
    warnings.filterwarnings("ignore", "You may be attemping to run", RuntimeWarning)
    with locked_folder(root, f"--pipeline_root={root}"):
        earlier = set(root.glob(_VERDICT))
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
        heard = _Heard(sys.stdout)
        try:
            with contextlib.redirect_stdout(heard):
                pipeline()
        except RuntimeError as error:
            raise heard.failure() or WorkFailed(f"the pipeline failed: {error}") from error
        (verdict,) = set(root.glob(_VERDICT)) - earlier
    return f"Verdict:   {verdict.read_text()}\nArtifacts: {verdict.parents[1]}"


class _Heard(io.TextIOBase):
    """Passes on what the steps print, and keeps the end of it: the runner says only "failed"."""

    def __init__(self, passed_on: TextIO) -> None:
        self._passed_on = passed_on
        self._kept: deque[str] = deque(maxlen=1000)

    def write(self, text: str) -> int:
        self._kept.append(text)
        return self._passed_on.write(text)

    def flush(self) -> None:
        self._passed_on.flush()

    def failure(self) -> Exception | None:
        """What the step's last exception said, as what this command raises."""
        said = re.findall(
            r"^\s*([\w.]*(?:Error|Exception|Interrupt)): (.*)$", "".join(self._kept), re.M
        )
        if not said:
            return None
        kind, message = said[-1]
        return ValueError(message) if kind == "ValueError" else WorkFailed(f"{kind}: {message}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
