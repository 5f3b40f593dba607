"""akp-keras: a Keras laboratory for the Anna Karenina principle in deep learning.

This package imports nothing heavy: TensorBoard imports its plugin through it, and
`akp_keras.similarity`, `akp_keras.dispersion` and `akp_keras.hotswap` are useful alone.
`run_experiment` and `open_run` are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akp_keras.run import open_run, run_experiment

__version__ = "0.1.0"
__all__ = ["open_run", "run_experiment"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from akp_keras import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
