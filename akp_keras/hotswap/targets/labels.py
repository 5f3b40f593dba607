"""`labels=random(1.0)`: labels at random, made where the data are prepared."""

from __future__ import annotations

from akp_keras.hotswap.targets.forms import check_function
from akp_keras.hotswap.targets.target import Target


class Labels(Target):
    """The training labels; `HotSwap` refuses them, as `fit` has its data already."""

    name = "labels"
    example = "random(1.0)"
    takes_pattern = False

    def check_text(self, text: str) -> None:
        """`random(p)` with a probability."""
        check_function(text, "random", 0, 1, "p from 0 to 1")
