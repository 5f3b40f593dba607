"""Log directories that show families of networks in TensorBoard.

`write_projector` writes any arrays for the embedding projector; `write_experiment` writes the
layout of a whole akp-keras experiment. Both write plain files and do not import TensorFlow.

This module imports the standard library only; its exports are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akp_keras.tensorboard.experiment import write_experiment
    from akp_keras.tensorboard.projector import write_projector

_HOMES = {
    "write_experiment": "akp_keras.tensorboard.experiment",
    "write_projector": "akp_keras.tensorboard.projector",
}

__all__ = ["write_experiment", "write_projector"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
