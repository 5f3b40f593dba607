"""Two ways to one value, n × n Gram matrices and p × q cross-products; and spatial policies."""

import tracemalloc

import numpy as np
import pytest

from akp_keras import similarity
from akp_keras.similarity import spatial
from akp_keras.similarity.linear_gram import LinearCrossProduct, LinearGram


def test_the_cheaper_route_is_taken():
    statistic = LinearGram()
    assert isinstance(statistic.route(100_000, 64, 30, 435), LinearCrossProduct)
    assert isinstance(statistic.route(1024, 512, 240, 28_680), LinearGram)
    assert isinstance(statistic.route(500, 8, 2, 1), LinearCrossProduct)
    assert isinstance(statistic.route(50, 4000, 2, 1), LinearGram)
    # What is prepared once pays where pairs are many, as under a null.
    assert isinstance(statistic.route(1024, 400, 2, 1), LinearCrossProduct)
    assert isinstance(statistic.route(1024, 400, 2, 201), LinearGram)


def test_narrow_representations_of_many_samples_never_make_a_square_matrix():
    some = {f"m{i}": np.random.default_rng(i).normal(size=(3000, 6)) for i in range(3)}
    ids = ["cka.linear", "cka.linear.debiased", "hsic.linear", "ensd"]
    tracemalloc.start()
    similarity.pairwise(some, ids)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 3000**2 / 10


# --- spatial policies --------------------------------------------------------------------------


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 12, 4, 4, 3)).astype(np.float32)


BY_HAND = {
    "flatten": lambda v: v.reshape(12, 48),
    "global_average": lambda v: v.mean(axis=(1, 2), dtype=np.float64),
    "mean": lambda v: v.mean(axis=(1, 2), dtype=np.float64),
    "positions": lambda v: v.reshape(12 * 16, 3),
}


@pytest.mark.parametrize("policy", BY_HAND)
def test_policies_are_what_they_say(maps, policy):
    x, y = maps
    expected = similarity.compare(BY_HAND[policy](x), BY_HAND[policy](y), "cka.linear")
    value = similarity.compare(x, y, "cka.linear", spatial=policy)
    assert value == pytest.approx(expected, rel=1e-6)
    x, y = (np.moveaxis(v, -1, 1) for v in maps)
    value = similarity.compare(x, y, "cka.linear", spatial=policy, channels_first=True)
    assert value == pytest.approx(expected, rel=1e-6)


def test_every_policy_is_known_and_takes_what_has_no_positions_as_it_is(maps):
    assert set(BY_HAND) | {"first"} == set(spatial.SPATIAL_POLICIES)
    x = maps[0].reshape(12, 48)
    for policy in spatial.SPATIAL_POLICIES:
        assert similarity.compare(x, x, "cka.linear", spatial=policy) == pytest.approx(1)
    result = similarity.pairwise(dict(zip("xy", maps, strict=True)), ["ensd"], spatial="positions")
    assert result["ensd"].samples == 192


def test_tokens_are_positions_too(maps):
    tokens = maps[0].reshape(12, 16, 3)
    assert spatial.apply_policy(tokens, "mean", "x").shape == (12, 3)
    assert spatial.apply_policy(tokens, "positions", "x").shape == (192, 3)
    np.testing.assert_array_equal(spatial.apply_policy(tokens, "first", "x"), tokens[:, 0])
    with pytest.raises(ValueError, match=r"'x' has shape .* the first of a sequence of tokens"):
        spatial.apply_policy(maps[0], "first", "x")


def test_global_average_of_float16_does_not_overflow():
    x = np.full((3, 100, 100, 2), 60_000, dtype=np.float16)
    averaged = spatial.apply_policy(x, "global_average", "x")
    np.testing.assert_allclose(averaged, 60_000, rtol=1e-3)


def test_maps_of_different_size_do_not_share_positions(maps):
    with pytest.raises(ValueError, match="'y' has 48 samples, 'x' has 192"):
        similarity.compare(maps[0], maps[1][:, :2, :2], "cka.linear", spatial="positions")
