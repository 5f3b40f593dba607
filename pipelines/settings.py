"""Settings of pipelines, in addition to those of the experiment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec

from akp_keras import __version__
from akp_keras.settings.field import Group, setting

# What the compiler of Kubeflow accepts.
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
    """Where a pipeline runs, and the version of the code in its cache."""

    pipeline_root: str | None = setting(
        None,
        "Folder of the artifacts and, with TFX, of the metadata store (metadata.sqlite); replaces "
        "--run_dir.",
    )
    code_version: str | None = setting(
        None,
        "Version of the code, recorded for the cache; by default a hash of the sources of "
        "akp_keras and of the versions of the libraries that compute.",
    )

    def require_root(self) -> None:
        """Raise a ValueError if there is no root."""
        if not self.pipeline_root:
            raise ValueError("--pipeline_root is missing; name a folder for the artifacts")


@dataclass(frozen=True, kw_only=True)
class Kubeflow(Pipeline, stage="pipeline"):
    """How an experiment is compiled for a cluster, or run on this machine."""

    compile: str | None = setting(None, "The YAML file to write.")
    local: bool = setting(False, "Run the pipeline on this machine, each step in a process.")
    image: str = setting(
        f"akp-keras:{__version__}", "Container image of all steps, as built by the Dockerfile."
    )
    cpus: int = setting(
        2, "Processor cores, and worker processes, of each step that runs networks.", least=1
    )
    memory: str | None = setting(
        None, "Memory of each step that runs networks, for example 8Gi.", parse=_memory
    )
    gpus: int = setting(0, "GPUs of each trainer.", least=0)
    accelerator: str = setting("nvidia.com/gpu", "The cluster's name of a GPU.")
    parallel_families: int = setting(
        0, "Number of families that train at the same time; 0 for all.", least=0
    )

    def check(self) -> None:
        """Raise a ValueError for what cannot be compiled or run."""
        super().check()
        if bool(self.compile) == self.local:
            raise ValueError("give either --compile=FILE or --local")
        if self.local:
            self.require_root()
        if not self.image.strip():
            raise ValueError("--image is empty; name the container image of the steps")
        if self.gpus and not self.accelerator.strip():
            raise ValueError(
                "--accelerator is empty; give the cluster's name of a GPU, or --gpus=0"
            )


def require_extra(package: str, extra: str) -> None:
    """Raise a ValueError, with the way to install it, if an orchestrator is not installed."""
    if find_spec(package) is None:
        raise ValueError(
            f"{package} is not installed; run pip install 'akp-keras[{extra}]' "
            "(see docs/pipelines.md)"
        )
