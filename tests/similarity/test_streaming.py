"""Batches in, the values of all samples at once out."""

import tracemalloc

import numpy as np
import pytest

from akp_keras import similarity

IDS = ["cka.linear", "cka.linear.debiased", "hsic.linear", "hsic.linear.unbiased"]


@pytest.fixture
def representations():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(150, 4))
    # Far off the origin: sums of squares would lose every digit that matters.
    return {
        f"m{i}": common @ rng.normal(size=(4, width)) + rng.normal(size=(150, width)) + 1e4
        for i, width in enumerate((6, 11, 3))
    }


def batched(representations, size):
    n = len(next(iter(representations.values())))
    for start in range(0, n, size):
        yield {name: values[start : start + size] for name, values in representations.items()}


@pytest.mark.parametrize("size", [7, 64, 150])
def test_full_batch_values_from_batches(representations, size):
    whole = similarity.pairwise(representations, IDS)
    streamed = similarity.pairwise_streaming(batched(representations, size), IDS)
    for id in IDS:
        np.testing.assert_allclose(streamed[id].values, whole[id].values, rtol=1e-9)
        assert streamed[id].samples == 150
        assert streamed[id].features.tolist() == [6, 11, 3]
        assert streamed[id].ranks.tolist() == [6, 11, 3]
    np.testing.assert_array_equal(np.diagonal(streamed["cka.linear"].distance()), 0.0)


@pytest.mark.parametrize("size", [8, 32])
def test_minibatch_values(representations, size):
    id = f"cka.linear.minibatch[batch={size}]"
    whole = similarity.pairwise(representations, [id])[id]
    streamed = similarity.pairwise_streaming(batched(representations, size), [id])[id]
    np.testing.assert_allclose(streamed.values, whole.values, rtol=1e-8)
    free = similarity.pairwise_streaming(batched(representations, size), ["cka.linear.minibatch"])
    np.testing.assert_array_equal(free["cka.linear.minibatch"].values, streamed.values)


@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e-100, 1e100, 1e200, 1e300])
def test_huge_and_tiny_values(representations, factor):
    scaled = {name: values - 1e4 for name, values in representations.items()}
    scaled["m1"] = scaled["m1"] * factor
    # Batches in which a unit is still silent have no scale of their own.
    scaled["m2"] = np.where(np.arange(150)[:, None] < 40, 0.0, scaled["m2"] * factor)
    ids = [*IDS, "cka.linear.minibatch[batch=30]"]
    if factor > 1e75:
        # HSIC is of the fourth power, larger than floats hold.
        ids = [id for id in ids if id.startswith("cka")]
    streamed = similarity.pairwise_streaming(batched(scaled, 30), ids)
    whole = similarity.pairwise(scaled, ids)
    for id in ids:
        np.testing.assert_allclose(streamed[id].values, whole[id].values, rtol=1e-8)
        assert streamed[id].ranks.tolist() == [6, 11, 3]


def test_batches_that_squares_cannot_hold_together_are_refused():
    x, y = np.random.default_rng(0).normal(size=(2, 10, 3))
    batches = [{"x": x, "y": y}, {"x": x * 1e200, "y": y}]
    for id in ("cka.linear", "hsic.linear.unbiased", "cka.linear.minibatch"):
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="'x' is larger in a later"):
            similarity.pairwise_streaming(iter(batches), [id])


def test_a_hundred_thousand_samples_never_make_a_square_matrix():
    rng = np.random.default_rng(0)
    turn = rng.normal(size=(4, 6))

    def batches():
        for _ in range(50):
            x = rng.normal(size=(2000, 4))
            yield {"x": x, "y": x @ turn, "z": rng.normal(size=(2000, 5))}

    tracemalloc.start()
    result = similarity.pairwise_streaming(batches(), ["cka.linear", "cka.linear.debiased"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result["cka.linear"].samples == 100_000
    assert peak < 50e6
    assert result["cka.linear.debiased"].values[0, 2] == pytest.approx(0, abs=1e-3)
    assert result["cka.linear.debiased"].values[0, 1] > 0.3


def test_what_does_not_fit_is_named(representations):
    with pytest.raises(ValueError, match=r"'procrustes\.angular' cannot be streamed"):
        similarity.pairwise_streaming(batched(representations, 10), ["procrustes.angular"])
    with pytest.raises(ValueError, match="no batches"):
        similarity.pairwise_streaming(iter([]), IDS)
    first = next(batched(representations, 10))
    with pytest.raises(ValueError, match="the first had"):
        similarity.pairwise_streaming([first, {"m0": first["m0"], "m1": first["m1"]}], IDS)
    with pytest.raises(ValueError, match="widths"):
        similarity.pairwise_streaming([first, {**first, "m1": first["m1"][:, :4]}], IDS)
    with pytest.raises(ValueError, match="'m1' has 4 samples in a batch where 'm0' has 10"):
        similarity.pairwise_streaming([{**first, "m1": first["m1"][:4]}], IDS)
    with pytest.raises(ValueError, match="'m1' holds NaN"):
        similarity.pairwise_streaming([{**first, "m1": first["m1"] * np.nan}], IDS)
    with pytest.raises(ValueError, match="'m1' is degenerate"):
        similarity.pairwise_streaming([{**first, "m1": np.ones((10, 2))}], ["cka.linear"])
    short = {name: v[:5] for name, v in first.items()}
    with pytest.raises(ValueError, match="needs batches of its size"):
        similarity.pairwise_streaming([short], ["cka.linear.minibatch[batch=10]"])
    with pytest.raises(ValueError, match="smaller than the first came before the last"):
        similarity.pairwise_streaming([first, short, first], ["cka.linear.minibatch"])
    with pytest.raises(ValueError, match="has 10 samples, the first had 5"):
        similarity.pairwise_streaming([short, first], ["cka.linear.minibatch"])
