"""Settings of pipelines, beside those of the experiment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec

from akp_keras import __version__
from akp_keras.settings.field import Group, setting

# What the compiler of Kubeflow takes.
_MEMORY = re.compile(r"[1-9]\d*(?:[EPTGMK]i?)?")


def _memory(text: str) -> str:
    if not _MEMORY.fullmatch(text):
        raise ValueError(
            f"--memory={text} is not an amount of memory; write a whole number and E, P, T, G, M, "
            "K, Ei, Pi, Ti, Gi, Mi or Ki, for example 8Gi"
        )
    return text


@dataclass(frozen=True, kw_only=True)
class Pipeline(Group, stage="pipeline"):
    """Where a pipeline runs, and what its cache knows it by."""

    pipeline_root: str | None = setting(
        None,
        "The folder of artifacts (and, with TFX, of the metadata store, metadata.sqlite); takes "
        "the place of --run_dir.",
    )
    code_version: str | None = setting(
        None,
        "What results follow from beside flags and data; by default a hash of the sources of "
        "akp_keras and of the versions of the libraries that compute.",
    )

    def require_root(self) -> None:
        """Refuses a missing root."""
        if not self.pipeline_root:
            raise ValueError("--pipeline_root is missing; name the folder that artifacts go to")


@dataclass(frozen=True, kw_only=True)
class Kubeflow(Pipeline, stage="pipeline"):
    """How an experiment is compiled for a cluster, or run here."""

    compile: str | None = setting(None, "The YAML file to write.")
    local: bool = setting(False, "Run the pipeline here, each step in a process.")
    image: str = setting(
        f"akp-keras:{__version__}", "The container image of every step, as the Dockerfile makes it."
    )
    cpus: int = setting(
        2, "Processor cores, and worker processes, of each step that runs networks.", least=1
    )
    memory: str | None = setting(
        None, "Memory of each step that runs networks, for example 8Gi.", parse=_memory
    )
    gpus: int = setting(0, "GPUs of each trainer.", least=0)
    accelerator: str = setting("nvidia.com/gpu", "What the cluster calls a GPU.")
    parallel_families: int = setting(
        0, "How many families train at the same time; 0 for all.", least=0
    )

    def check(self) -> None:
        """Refuses what cannot be compiled or run."""
        super().check()
        if bool(self.compile) == self.local:
            raise ValueError("give either --compile=FILE or --local")
        if self.local:
            self.require_root()
        if not self.image.strip():
            raise ValueError("--image is empty; name the container image of the steps")
        if self.gpus and not self.accelerator.strip():
            raise ValueError(
                "--accelerator is empty; name what the cluster calls a GPU, or --gpus=0"
            )


def require_extra(package: str, extra: str) -> None:
    """Makes sure that an orchestrator is installed.

    Raises:
        ValueError: if it is not, in one line that says how to install it.
    """
    if find_spec(package) is None:
        raise ValueError(
            f"{package} is not installed; docs/pipelines.md says how: pip install "
            f"'akp-keras[{extra}]'"
        )
