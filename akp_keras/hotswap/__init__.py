"""Hot-swap: change activations, losses and more in the middle of `fit`.

Importing this package imports neither Keras nor TensorFlow; `HotSwap` does, when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from akp_keras.hotswap.schedule import Change, Schedule, Swap
from akp_keras.hotswap.when import Epoch, Plateau, Step

if TYPE_CHECKING:
    from akp_keras.hotswap.callback import HotSwap
    from akp_keras.hotswap.model_state import restore
    from akp_keras.hotswap.record import SwapRecord

__all__ = [
    "Change",
    "Epoch",
    "HotSwap",
    "Plateau",
    "Schedule",
    "Step",
    "Swap",
    "SwapRecord",
    "restore",
]

_LAZY = {"HotSwap": "callback", "SwapRecord": "record", "restore": "model_state"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
