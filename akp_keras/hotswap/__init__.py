"""Hot-swap: change activations, losses and more in the middle of `fit`.

Importing this package imports neither Keras nor NumPy; `HotSwap` does, when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from akp_keras.hotswap.schedule import Change, Schedule, Swap
from akp_keras.hotswap.when import Epoch, Plateau, Step

if TYPE_CHECKING:
    from akp_keras.hotswap.by_hand import restore, swap_now, swappable
    from akp_keras.hotswap.callback import HotSwap
    from akp_keras.hotswap.parametric import Parametric
    from akp_keras.hotswap.record import SwapRecord

__all__ = [
    "Change",
    "Epoch",
    "HotSwap",
    "Parametric",
    "Plateau",
    "Schedule",
    "Step",
    "Swap",
    "SwapRecord",
    "restore",
    "swap_now",
    "swappable",
]

_LAZY = {
    "HotSwap": "callback",
    "Parametric": "parametric",
    "SwapRecord": "record",
    "restore": "by_hand",
    "swap_now": "by_hand",
    "swappable": "by_hand",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
