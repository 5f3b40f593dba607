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

from akp_keras.code_version import code_version
from akp_keras.failures import WorkFailed
from akp_keras.files.locks import locked_folder
from akp_keras.files.whole import whole_file
from akp_keras.settings import Experiment, Running
from akp_keras.settings.flags import run_with_settings
from pipelines.settings import Kubeflow, require_extra

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

PROGRAM = "pipelines.kubeflow_pipeline"
# In the folder that the runner makes per run, whose name contains the time.
_VERDICT = "*/dispersion-test/verdict"


def main(arguments: Sequence[str]) -> int:
    """Compile or run the pipeline that the flags describe; return the exit code."""
    groups = (Kubeflow, Experiment, Running)
    return run_with_settings(_run, groups, arguments, program=PROGRAM, description=__doc__)


def _run(cluster: Kubeflow, experiment: Experiment, running: Running) -> str:
    require_extra("kfp", "kfp")
    from pipelines.kubeflow_graph import create_pipeline

    pipeline = create_pipeline(
        experiment, cluster, code_version=cluster.code_version or code_version()
    )
    if cluster.local:
        return run_here(pipeline, Path(cluster.pipeline_root).absolute())
    return _compile(pipeline, Path(cluster.compile))


def _compile(pipeline: BaseComponent, path: Path) -> str:
    from kfp import compiler

    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(f"--compile={path} must end in .yaml")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"--compile={path}: {path.absolute().parent} is not a folder")
    try:
        with whole_file(path) as unfinished:
            compiler.Compiler().compile(pipeline, str(unfinished))
    except OSError as error:
        raise ValueError(f"--compile={path} cannot be written: {error.strerror}") from error
    return f"Pipeline: {path}"


def run_here(pipeline: BaseComponent, root: Path) -> str:
    """Run a pipeline on this machine, each step in a process; return the verdict as text.

    Raises:
        ValueError: if a step refused its input, with its message.
        WorkFailed: if a step failed for another reason.
    """
    from kfp import local

    # The runner starts the first `python3` on the path, which must be this Python, and must find
    # akp_keras from any folder.
    here = Path(__file__).parents[1]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(here), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    # The warning is about the image, which is not used: the steps run in this environment.
    warnings.filterwarnings("ignore", "You may be attemping to run", RuntimeWarning)
    with locked_folder(root, f"--pipeline_root={root}"):
        earlier = set(root.glob(_VERDICT))
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
        output = _Kept(sys.stdout)
        try:
            with contextlib.redirect_stdout(output):
                pipeline()
        except RuntimeError as error:
            raise output.failure() or WorkFailed(f"the pipeline failed: {error}") from error
        (verdict,) = set(root.glob(_VERDICT)) - earlier
    return f"Verdict:   {verdict.read_text()}\nArtifacts: {verdict.parents[1]}"


class _Kept(io.TextIOBase):
    """Passes on what the steps print, and keeps its end: the runner reports only "failed"."""

    def __init__(self, passed_on: TextIO) -> None:
        self._passed_on = passed_on
        self._end: deque[str] = deque(maxlen=1000)

    def write(self, text: str) -> int:
        self._end.append(text)
        return self._passed_on.write(text)

    def flush(self) -> None:
        self._passed_on.flush()

    def failure(self) -> Exception | None:
        """Return the last exception that a step printed, as the exception to raise here."""
        raised = re.findall(
            r"^\s*([\w.]*(?:Error|Exception|Interrupt)): (.*)$", "".join(self._end), re.M
        )
        if not raised:
            return None
        kind, message = raised[-1]
        return ValueError(message) if kind == "ValueError" else WorkFailed(f"{kind}: {message}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
