import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

NAMES = ("control", "gelu", "hinge", "pulse", "shock", "tanh", "memoriser")


@pytest.fixture
def draw():
    """Families of Gaussian members about far-apart centres: names, distances, families."""

    def draw(scales, members=8, seed=0, dimensions=20, separation=5.0):
        rng = np.random.default_rng(seed)
        sizes = np.broadcast_to(members, len(scales))
        points = np.concatenate(
            [
                rng.normal(0, separation, dimensions) + scale * rng.normal(size=(size, dimensions))
                for scale, size in zip(scales, sizes, strict=True)
            ]
        )
        names = NAMES[: len(scales)]
        return squareform(pdist(points)), np.repeat(names, sizes).tolist()

    return draw


@pytest.fixture
def falling():
    """Generalisation that falls from the first family to the last."""

    def falling(families):
        names = list(dict.fromkeys(families))
        return dict(zip(names, np.linspace(0.9, 0.6, len(names)), strict=True))

    return falling
