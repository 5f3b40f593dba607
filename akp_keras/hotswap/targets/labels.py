"""`labels=random(1.0)`: labels at random, made where the data are prepared."""

from __future__ import annotations

from akp_keras.hotswap.targets.forms import Range, read_in_function
from akp_keras.hotswap.targets.target import Target


class Labels(Target):
    """The training labels; `HotSwap` refuses them, as `fit` has its data already."""

    name = "labels"
    example = "random(1.0)"
    takes_pattern = False
    is_in_fit = False

    def check_text(self, text: str) -> None:
        """Accept `random(p)` with a probability."""
        read_in_function(text, "random", Range("p from 0 to 1", high=1), may_move=False)
