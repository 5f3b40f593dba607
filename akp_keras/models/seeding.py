"""Weights that depend on a seed alone.

Keras draws the seed of an initializer without one from Python's global random numbers. Other
threads of the process may draw from these too (those of a Dask worker do), so seeding them does
not reproduce weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def with_fresh_weights(model: keras.Model, seed: int) -> keras.Model:
    """Build a model with the same layers and new weights.

    Args:
        model: a model that Keras can rebuild from its configuration.
        seed: from 0; the same seed produces bit-identical weights.

    Returns:
        An uncompiled model; each of its initializers and random layers has its own seed.
    """
    return type(model).from_config(_seeded(model.get_config(), _seeds(seed)))


def _seeded(config: Any, seeds: Iterator[int]) -> Any:
    if isinstance(config, dict):
        return {
            key: next(seeds) if key == "seed" and value is None else _seeded(value, seeds)
            for key, value in config.items()
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_seeded(value, seeds) for value in config)
    return config


def _seeds(seed: int) -> Iterator[int]:
    # Keras requires seeds that are positive 32-bit integers.
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(1, 2**31 - 1))
