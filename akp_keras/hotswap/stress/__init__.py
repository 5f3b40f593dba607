"""Kinds of stress that are assigned to a model between two steps; one file each.

A kind has two functions: `check(model, change)` raises ValueError before the first step where the
change cannot be made, and `apply(model, change, seed)` makes it and gives what was before, what is
now, and the names of the layers. To add one, add its file, its line here and its target in
`akp_keras.hotswap.targets`.
"""

from __future__ import annotations

from types import ModuleType

from akp_keras.hotswap.stress import learning_rate, weights

STRESS: dict[str, ModuleType] = {
    "optimizer.learning_rate": learning_rate,
    "weights": weights,
}
