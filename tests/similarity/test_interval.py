"""Intervals over samples, and the noise ceiling."""

import functools

import numpy as np
import pytest
import scipy.stats

from akp_keras import similarity

N = 30
LABELS = np.arange(N) % 3


def drawn(id, seed=0):
    rng = np.random.default_rng(seed)
    if similarity.measure(id).takes == "logits":
        # Every fifth sample looks like another class, so that networks have errors in common.
        looks = np.where(np.arange(N) % 5 == 0, (LABELS + 1) % 3, LABELS)
        return tuple(1.5 * np.eye(3)[looks] + rng.normal(size=(N, 3)) for _ in "xy")
    common = rng.normal(size=(N, 3))
    return tuple(
        common @ rng.normal(size=(3, width)) + rng.normal(size=(N, width)) + 0.5 for width in (4, 6)
    )


def with_intervals():
    """All of them but kernels, whose bandwidth stays that of all samples."""
    return [
        id
        for id in [*similarity.list_measures(), "rsa.spearman[euclidean]"]
        if similarity.registry.find(id).statistic.selects and "rbf" not in id and "lapl" not in id
    ]


@functools.cache
def jackknifed(route, takes):
    """Of all measures: the result, and the values without each sample."""
    ids = [id for id in with_intervals() if similarity.measure(id).takes == takes]
    x, y = drawn(ids[0])
    if route == "by Gram matrices":
        x, y = (np.pad(v, ((0, 0), (0, 30))) for v in (x, y))
        # Which features there are is part of what matchings look at.
        x, y = (v + 0.1 * np.random.default_rng(1).normal(size=v.shape) for v in (x, y))
    kept = [np.arange(N), *(np.delete(np.arange(N), i) for i in range(N))]
    without = [
        similarity.pairwise({"x": x[rows]}, ids, columns={"y": y[rows]}, labels=LABELS[rows])
        for rows in kept
    ]
    options = {"labels": LABELS, "interval": 0.9, "seed": 3}
    results = similarity.pairwise({"x": x}, ids, columns={"y": y}, **options)
    return results, {id: np.array([r[id].values[0, 0] for r in without]) for id in ids}


@pytest.mark.parametrize("route", ["by features", "by Gram matrices"])
@pytest.mark.parametrize("id", with_intervals())
def test_leaving_samples_out_is_the_jackknife(id, route):
    takes = similarity.measure(id).takes
    if route == "by Gram matrices" and takes == "logits":
        pytest.skip("logits have no features to pad")
    results, values = jackknifed(route, takes)
    interval = results[id].interval
    value, without = values[id][0], values[id][1:]
    estimate = N * value - (N - 1) * without.mean()
    error = np.sqrt((N - 1) / N * np.square(without - without.mean()).sum())
    size = max(1.0, abs(value))
    assert interval.groups == N
    assert interval.estimate[0, 0] == pytest.approx(estimate, rel=1e-6, abs=1e-6 * size)
    assert interval.error[0, 0] == pytest.approx(error, rel=1e-5, abs=1e-7 * size)
    reach = scipy.stats.t.ppf(0.95, N - 1) * error
    low, high = np.clip([estimate - reach, estimate + reach], *similarity.measure(id).range)
    assert interval.low[0, 0] == pytest.approx(low, rel=1e-5, abs=1e-6 * size)
    assert interval.high[0, 0] == pytest.approx(high, rel=1e-5, abs=1e-6 * size)


def test_scipy_agrees_on_a_mean():
    # Of a measure that is a mean over samples, the jackknife is the textbook's standard error.
    x, y = drawn("output.disagreement")
    differ = (x.argmax(axis=1) != y.argmax(axis=1)).astype(float)
    comparison = similarity.compare(x, y, "output.disagreement", interval=0.95)
    assert comparison.error == pytest.approx(scipy.stats.sem(differ))
    expected = scipy.stats.t.interval(0.95, N - 1, differ.mean(), scipy.stats.sem(differ))
    assert comparison.interval == pytest.approx(expected)
    assert float(comparison) == comparison.value == pytest.approx(differ.mean())


def test_more_samples_are_left_out_by_groups():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(333, 5))
    some = {"x": x, "y": x + rng.normal(size=x.shape), "z": rng.normal(size=(333, 3))}
    id = "cka.linear.debiased"
    whole = similarity.pairwise(some, [id], interval=0.95, seed=1)[id]
    assert whole.interval.groups == 50
    np.testing.assert_array_equal(whole.interval.low, whole.interval.low.T)
    np.testing.assert_allclose(np.diagonal(whole.interval.low), 1.0)
    assert whole.interval.low[0, 1] < whole.values[0, 1] < whole.interval.high[0, 1]
    assert whole.interval.low[0, 2] < 0.0 < whole.interval.high[0, 2]
    in_blocks = similarity.pairwise(some, [id], interval=0.95, seed=1, memory_gb=1e-6)[id]
    np.testing.assert_allclose(in_blocks.interval.high, whole.interval.high, rtol=1e-9)
    # A quarter of the samples has about twice the error.
    few = {name: values[:83] for name, values in some.items()}
    error = similarity.pairwise(few, [id], interval=0.95)[id].interval.error[0, 1]
    assert 1.3 < error / whole.interval.error[0, 1] < 3.0


def test_positions_of_a_sample_are_left_out_together():
    rng = np.random.default_rng(0)
    # Positions of one sample are nearly equal: 16 of them are no 16 samples.
    maps = [rng.normal(size=(25, 1, 1, 3)) + 0.01 * rng.normal(size=(25, 4, 4, 3)) for _ in "xy"]
    id = "cka.linear.debiased"
    options = {"interval": 0.95, "spatial": "positions"}
    by_positions = similarity.compare(*maps, id, **options)
    means = [m.mean(axis=(1, 2)) for m in maps]
    by_samples = similarity.compare(*means, "cka.linear", interval=0.95)
    assert by_positions.error == pytest.approx(by_samples.error, rel=0.3)


def test_kernels_keep_the_bandwidth_of_all_samples():
    x, y = drawn("cka.rbf.debiased")
    comparison = similarity.compare(x, y, "cka.rbf.debiased", interval=0.95)
    low, high = comparison.interval
    assert low < comparison.value < high
    # Nearly that of bandwidths taken anew.
    without = [
        similarity.compare(np.delete(x, i, axis=0), np.delete(y, i, axis=0), "cka.rbf.debiased")
        for i in range(N)
    ]
    error = np.sqrt((N - 1) * np.var(without))
    assert comparison.error == pytest.approx(error, rel=0.2)


# --- noise ceiling -----------------------------------------------------------------------------


def test_the_noise_ceiling_is_that_of_rsatoolbox():
    inference = pytest.importorskip("rsatoolbox.inference")
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, concat

    rng = np.random.default_rng(0)
    common = rng.normal(size=(15, 6))
    some = {f"s{i}": common + rng.normal(size=(15, 6)) for i in range(5)}
    rdms = concat([calc_rdm(Dataset(x), method="correlation") for x in some.values()])
    for id, method in (("rsa.cosine", "cosine"), ("rsa.pearson", "corr")):
        lower, upper = similarity.pairwise(some, [id])[id].noise_ceiling()
        expected = inference.boot_noise_ceiling(rdms, method=method)
        assert (lower, upper) == pytest.approx(expected, rel=1e-9)
        assert lower < upper


def test_what_has_no_noise_ceiling_says_so():
    x, y = drawn("cka.linear")
    results = similarity.pairwise({"x": x, "y": y}, ["procrustes.angular", "cka.linear"])
    with pytest.raises(ValueError, match=r"'procrustes\.angular' has no noise ceiling"):
        results["procrustes.angular"].noise_ceiling()
    column = similarity.pairwise({"x": x}, ["cka.linear"], columns={"y": y})["cka.linear"]
    with pytest.raises(ValueError, match="needs the values of all pairs"):
        column.noise_ceiling()
