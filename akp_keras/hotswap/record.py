"""What happened: the swaps that a `HotSwap` carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SwapRecord:
    """One change that took place.

    Attributes:
        epoch: number of the epoch in which it took place, counted from 0.
        step: training steps done before it, counted from the start of `fit`.
        what: the target: `activation`, `loss`, ….
        from_: name of what was in force before; several names joined by commas where the layers
            differed.
        to: name of what is in force since.
        layers: names of the layers that were swapped; for a loss, of the outputs selected, empty
            where the model has one output.
    """

    epoch: int
    step: int
    what: str
    from_: str
    to: str
    layers: tuple[str, ...] = ()

    def to_config(self) -> dict[str, Any]:
        """Return JSON types under the keys `epoch`, `step`, `what`, `from`, `to`, `layers`."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "what": self.what,
            "from": self.from_,
            "to": self.to,
            "layers": list(self.layers),
        }
