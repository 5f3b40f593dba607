"""Initial weights that depend on a seed alone.

Keras draws the seed of an initializer without one from Python's global random state. Other threads
of a process draw from it too (those of a Dask worker do), so that seeding it does not suffice to
reproduce weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def with_fresh_weights(model: keras.Model, seed: int) -> keras.Model:
    """Build a model of the same layers with new initial weights.

    Args:
        model: a model that Keras can rebuild from its configuration.
        seed: at least 0; the same seed returns the same weights, to the last bit.

    Returns:
        An uncompiled model whose initializers and random layers each have a seed.
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
    # Keras takes seeds that are positive 32-bit integers.
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(1, 2**31 - 1))
