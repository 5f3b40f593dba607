"""Kinds of stress; one file each.

A kind in `STRESS` is assigned to a model between two steps. It has two functions:
`check(model, change)` raises ValueError before the first step where the change cannot be made, and
`apply(model, change, seed)` makes it and gives what was before, what is now, and the names of the
layers.

A kind in `TRACED` is part of a traced function, as activations are, so that it falls on its exact
step. It has two functions: `make_site(layer, path)` gives the place that it changes, if the layer
is one (the model itself comes with an empty path); `choice_of(value)` gives what the place shall
hold. It may have a third: `check(model)` raises ValueError before the first step.

To add a kind, add its file, its line here and its target in `akp_keras.hotswap.targets`.
"""

from __future__ import annotations

from types import ModuleType

from akp_keras.hotswap.stress import dropout, inputs, learning_rate, weights

STRESS: dict[str, ModuleType] = {
    "optimizer.learning_rate": learning_rate,
    "weights": weights,
}

TRACED: dict[str, ModuleType] = {
    "dropout": dropout,
    "inputs": inputs,
}
