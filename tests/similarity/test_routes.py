"""Two ways to one value: n × n Gram matrices and p × q cross-products."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras import similarity
from akp_keras.similarity import registry, spatial
from akp_keras.similarity.engine import compare_block
from akp_keras.similarity.linear_gram import LinearCrossProduct, LinearGram
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import stack

LINEAR = ["cka.linear", "cka.linear.debiased", "hsic.linear", "hsic.linear.unbiased", "ensd"]


@pytest.mark.parametrize("id", LINEAR)
@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    n=st.integers(5, 40),
    widths=st.lists(st.integers(1, 50), min_size=2, max_size=4),
    offset=st.sampled_from([0.0, 100.0]),
    seed=st.integers(0, 1000),
)
def test_both_routes_agree(id, n, widths, offset, seed):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=(n, width)) + offset for width in widths]
    measure = registry.find(id)
    debiased = measure.statistic.debiased
    none = np.empty((0, n), dtype=np.int64)
    found = []
    for statistic in (LinearGram(debiased), LinearCrossProduct(debiased)):
        tile = stack([statistic.prepare(Factors(a, str(i))) for i, a in enumerate(arrays)])
        found.append(compare_block(statistic, [measure.value], tile, None, none)[0][0])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-9 * np.abs(found[0]).max())


def test_the_cheaper_route_is_taken():
    statistic = registry.find("cka.linear").statistic
    assert isinstance(statistic.route(100_000, 64, 30), LinearCrossProduct)
    assert isinstance(statistic.route(1024, 512, 240), LinearGram)
    assert isinstance(statistic.route(500, 8, 2), LinearCrossProduct)
    assert isinstance(statistic.route(50, 4000, 2), LinearGram)
    # What is prepared once pays where pairs are many, as under a null.
    assert isinstance(statistic.route(1024, 400, 2), LinearCrossProduct)
    assert isinstance(statistic.route(1024, 400, 2, permutations=200), LinearGram)


# --- spatial policies --------------------------------------------------------------------------


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, 12, 4, 4, 3)).astype(np.float32)


def test_policies_are_what_they_say(maps):
    x, y = maps
    cases = {
        "flatten": lambda v: v.reshape(12, 48),
        "global_average": lambda v: v.mean(axis=(1, 2), dtype=np.float64),
        "positions": lambda v: v.reshape(12 * 16, 3),
    }
    assert set(cases) == set(spatial.SPATIAL_POLICIES)
    for policy, by_hand in cases.items():
        expected = similarity.compare(by_hand(x), by_hand(y), "cka.linear")
        found = similarity.compare(x, y, "cka.linear", spatial=policy)
        assert found == pytest.approx(expected, rel=1e-6)
    result = similarity.pairwise({"x": x, "y": y}, ["cka.linear"], spatial="positions")
    assert result["cka.linear"].samples == 192


def test_what_has_no_positions_is_taken_as_it_is(maps):
    x = maps[0].reshape(12, 48)
    for policy in spatial.SPATIAL_POLICIES:
        assert similarity.compare(x, x, "cka.linear", spatial=policy) == pytest.approx(1)


def test_tokens_are_positions_too(maps):
    tokens = maps[0].reshape(12, 16, 3)
    assert spatial.apply_policy(tokens, "global_average", "x").shape == (12, 3)
    assert spatial.apply_policy(tokens, "positions", "x").shape == (192, 3)


def test_global_average_of_float16_does_not_overflow():
    x = np.full((3, 100, 100, 2), 60_000, dtype=np.float16)
    averaged = spatial.apply_policy(x, "global_average", "x")
    np.testing.assert_allclose(averaged, 60_000, rtol=1e-3)


def test_maps_of_different_size_do_not_share_positions(maps):
    with pytest.raises(ValueError, match="'y' has 48 samples, 'x' has 192"):
        similarity.compare(maps[0], maps[1][:, :2, :2], "cka.linear", spatial="positions")
