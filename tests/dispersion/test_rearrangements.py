import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras.dispersion.rearrangements import among, rearrangements

labelled = st.lists(st.integers(0, 3), min_size=2, max_size=12)


def drawn(items, count, seed=0, **options):
    return np.concatenate(
        list(rearrangements(items, count, np.random.default_rng(seed), **options))
    )


@settings(max_examples=40, deadline=None)
@given(labelled)
def test_items_stay_within_their_block(blocks):
    blocks = np.array(blocks)
    orders = drawn(len(blocks), 20, blocks=blocks)
    np.testing.assert_array_equal(np.sort(orders, axis=1), [np.arange(len(blocks))] * 20)
    np.testing.assert_array_equal(blocks[orders], np.broadcast_to(blocks, orders.shape))


@settings(max_examples=40, deadline=None)
@given(labelled, st.data())
def test_what_is_kept_follows_the_full_order(blocks, data):
    blocks = np.array(blocks)
    kept = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(blocks))), min_size=1))))
    orders = drawn(len(blocks), 10, blocks=blocks)
    found = among(orders, kept, blocks)
    np.testing.assert_array_equal(np.sort(found, axis=1), [np.arange(len(kept))] * 10)
    for full, restricted in zip(orders, found, strict=True):
        for label in np.unique(blocks[kept]):
            in_full = [item for item in full[blocks == label] if item in kept]
            np.testing.assert_array_equal(kept[restricted[blocks[kept] == label]], in_full)


@pytest.mark.parametrize("blocks", [None, np.repeat([0, 1], 3)])
def test_orders_do_not_depend_on_how_many_come_at_a_time(blocks):
    few = drawn(6, 50, blocks=blocks, numbers=2**21)
    np.testing.assert_array_equal(few, drawn(6, 50, blocks=blocks))
    np.testing.assert_array_equal(drawn(6, 300, blocks=blocks)[:50], few)


def test_every_order_is_as_likely():
    orders = drawn(3, 6000)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6 and counts.min() > 900
    _, counts = np.unique(among(drawn(5, 6000), np.array([1, 2, 4])), axis=0, return_counts=True)
    assert len(counts) == 6 and counts.min() > 900
