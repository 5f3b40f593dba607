"""Random rearrangements of what is exchangeable under a null, for all tests of the package."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# Numbers held for the rearrangements evaluated together, 32 MB of float64.
_NUMBERS = 2**22
_MOST_ROWS = 256


def rearrangements(
    items: int,
    count: int,
    rng: np.random.Generator,
    *,
    blocks: NDArray[np.int64] | None = None,
    numbers: int = 1,
) -> Iterator[NDArray[np.int64]]:
    """Draw random orders of items, some at a time.

    Args:
        items: n, the number of items.
        count: number of orders to draw.
        rng: the source of orders. The orders do not depend on how many are yielded at a time.
        blocks: (n,) the block of each item; items change places within their block only. None for
            one block.
        numbers: how many numbers the caller holds for each order; bounds the rows yielded.

    Yields:
        (rows, n) int64 in [0, n): the item that takes each place, one order a row.
    """
    rows = int(np.clip(_NUMBERS // max(numbers, items, 1), 1, _MOST_ROWS))
    labels = np.zeros(items, dtype=np.int64) if blocks is None else np.asarray(blocks)
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    # A generator for each block, so that the size of the parts does not show in the orders.
    sources = [rng] if len(places) == 1 else rng.spawn(len(places))
    for start in range(0, count, rows):
        part = np.empty((min(rows, count - start), items), dtype=np.int64)
        for of_block, source in zip(places, sources, strict=True):
            unmoved = np.broadcast_to(of_block, (len(part), len(of_block)))
            part[:, of_block] = source.permuted(unmoved, axis=1)
        yield part


def among(
    orders: NDArray[np.int64], kept: NDArray[np.int64], blocks: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the order that random orders of all items give to some of them.

    The items kept follow each other as they do in the full order, so that tests on overlapping
    sets of items see the same randomness.

    Args:
        orders: (rows, n) orders of n items, as `rearrangements` yields them.
        kept: (s,) increasing indices of the items kept.
        blocks: (n,) the block of each item, as in `rearrangements`.

    Returns:
        (rows, s) int64 in [0, s): orders of the items kept, within their blocks.
    """
    labels = np.zeros(orders.shape[1], dtype=np.int64) if blocks is None else np.asarray(blocks)
    position = np.full(orders.shape[1], -1)
    position[kept] = np.arange(len(kept))
    restricted = np.empty((len(orders), len(kept)), dtype=np.int64)
    for label in np.unique(labels[kept]):
        dealt = position[orders[:, labels == label]]
        places = np.flatnonzero(labels[kept] == label)
        restricted[:, places] = dealt[dealt >= 0].reshape(len(orders), len(places))
    return restricted
