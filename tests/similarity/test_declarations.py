"""What every measure declares, held against what it does: positive and negative."""

import itertools

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras import similarity
from akp_keras.similarity import registry
from akp_keras.similarity.declaration import INVARIANCES
from akp_keras.similarity.engine import compare_block
from akp_keras.similarity.preparation import Factors
from akp_keras.similarity.statistic import stack

N = 36
LABELS = np.random.default_rng(99).integers(0, 4, N)
# Every ninth sample looks like another class, so that networks have errors in common.
LOOKS = np.where(np.arange(N) % 9 == 0, (LABELS + 1) % 4, LABELS)


def draw(measure_id, seed, widths=(7, 5), noise=0.8):
    """Two representations that share a part, or two networks' logits, off the origin."""
    rng = np.random.default_rng(seed)
    if similarity.measure(measure_id).takes == "logits":
        shared = 2.0 * np.eye(4)[LOOKS]
        return tuple(shared + noise * 1.5 * rng.normal(size=(N, 4)) for _ in widths)
    common = rng.normal(size=(N, 4))
    return tuple(
        common @ rng.normal(size=(4, width))
        + noise * rng.normal(size=(N, width))
        + 0.7 * rng.normal(size=width)
        for width in widths
    )


def value(measure_id, x, y):
    return similarity.compare(x, y, measure_id, labels=LABELS)


def transformed(x, invariance, seed):
    rng = np.random.default_rng(1000 + seed)
    width = x.shape[1]
    if invariance == "orthogonal":
        return x @ np.linalg.qr(rng.normal(size=(width, width)))[0]
    if invariance == "scale":
        return 3.7 * x
    if invariance == "linear":
        return x @ scipy.linalg.expm(1.5 * rng.normal(size=(width, width)) / np.sqrt(width))
    if invariance == "permutation":
        return x[:, np.roll(rng.permutation(width), 1)]
    return x + 3.0 * rng.normal(size=width) * x.std()


def close(a, b):
    # An angle or chord of two nearly equal representations has half of the digits.
    return a == pytest.approx(b, rel=2e-7, abs=2e-7 * max(1.0, abs(b)))


@pytest.mark.parametrize("invariance", INVARIANCES)
def test_invariances_hold_where_declared_and_nowhere_else(measure_id, invariance):
    declaration = similarity.measure(measure_id)
    sides = [declaration.invariances, declaration.right_invariances or declaration.invariances]
    for side in (0, 1):
        unchanged = []
        for seed in range(4):
            pair = list(draw(measure_id, seed))
            before = value(measure_id, *pair)
            pair[side] = transformed(pair[side], invariance, seed)
            try:
                unchanged.append(close(value(measure_id, *pair), before))
            except ValueError as error:
                # As where a translation of logits leaves one predicted class.
                assert "is degenerate" in str(error)
                unchanged.append(False)
        if invariance in sides[side]:
            assert all(unchanged), f"side {side} is declared invariant and is not"
        else:
            assert not all(unchanged), f"side {side} is invariant and does not declare it"


def test_symmetry(measure_id):
    declaration = similarity.measure(measure_id)
    same = []
    for seed in range(4):
        x, y = draw(measure_id, seed)
        same.append(value(measure_id, x, y) == pytest.approx(value(measure_id, y, x), rel=1e-9))
    assert all(same) if declaration.symmetric else not all(same)


def test_range_and_self_value(measure_id):
    declaration = similarity.measure(measure_id)
    low, high = declaration.range
    for seed, noise in itertools.product(range(3), (0.05, 3.0)):
        x, y = draw(measure_id, seed, noise=noise)
        assert low <= value(measure_id, x, y) <= high
        own = value(measure_id, x, x)
        assert low <= own <= high
        if declaration.self_value is not None:
            scale = max(1.0, abs(value(measure_id, x, y)))
            assert own == pytest.approx(declaration.self_value, abs=1e-6 * scale)


def test_direction(measure_id):
    declaration = similarity.measure(measure_id)
    nearer = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, _ = draw(measure_id, seed)
        near = x + 0.05 * rng.normal(size=x.shape)
        (far,) = draw(measure_id, seed + 50, widths=(x.shape[1],), noise=4.0)
        far = far * rng.uniform(2, 3, size=far.shape[1]) + 4.0
        if declaration.takes == "logits":
            far = rng.normal(size=x.shape)
        if declaration.range == (0.0, np.inf) and declaration.larger_is_more_similar:
            # Not normalised: equal spread, or the larger representation always wins.
            far = far - far.mean(axis=0)
            far *= np.linalg.norm(x - x.mean(axis=0)) / np.linalg.norm(far) / 2
        difference = value(measure_id, x, near) - value(measure_id, x, far)
        nearer += (difference if declaration.larger_is_more_similar else -difference) > 0
    assert nearer >= 4


def members(measure_id, seed):
    """Ten representations: near, far, of several widths."""
    rng = np.random.default_rng(seed)
    drawn = draw(measure_id, seed, widths=(3, 7, 7, 5, 12, 4, 6))
    near = [drawn[1] + 0.1 * rng.normal(size=drawn[1].shape) for _ in range(3)]
    return {f"m{i}": values for i, values in enumerate([*drawn, *near])}


def test_distances_obey_the_triangle_inequality_and_embed_where_declared(measure_id):
    declaration = similarity.measure(measure_id)
    if not declaration.distances:
        result = similarity.pairwise(members(measure_id, 0), [measure_id], labels=LABELS)
        with pytest.raises(ValueError, match="has no distance form"):
            result[measure_id].distance()
        return
    assert declaration.metric, "a declared distance form is a metric"
    assert declaration.symmetric
    for seed in range(5):
        result = similarity.pairwise(members(measure_id, seed), [measure_id], labels=LABELS)
        for form in declaration.distances:
            d = result[measure_id].distance(form)
            np.testing.assert_array_equal(d, d.T)
            np.testing.assert_array_equal(np.diagonal(d), 0.0)
            detour = (d[:, :, None] + d[None, :, :]).min(axis=1)
            assert (d <= detour + 1e-7 * d.max()).all()
        if declaration.hilbertian:
            d = result[measure_id].distance()
            centring = np.eye(len(d)) - 1.0 / len(d)
            spectrum = np.linalg.eigvalsh(-0.5 * centring @ np.square(d) @ centring)
            assert spectrum[0] >= -1e-9 * max(spectrum[-1], 1e-300)


def test_pairwise_holds_what_compare_gives(measure_id):
    some = members(measure_id, 3)
    names = list(some)
    # A distance of equal representations is known to half of the digits of its scale.
    result = similarity.pairwise(some, [measure_id], labels=LABELS, memory_gb=1e-5)[measure_id]
    for i, j in [(0, 1), (1, 0), (4, 2), (2, 4), (9, 3), (5, 5)]:
        expected = value(measure_id, some[names[i]], some[names[j]])
        scale = max(1.0, np.abs(result.values).max())
        assert result.values[i, j] == pytest.approx(expected, rel=1e-7, abs=1e-7 * scale)


def test_the_same_order_of_samples_on_both_sides_changes_nothing(measure_id):
    if "minibatch" in measure_id:
        pytest.skip("batches are made of the samples in order")
    x, y = draw(measure_id, 0)
    order = np.random.default_rng(1).permutation(N)
    shuffled = similarity.compare(x[order], y[order], measure_id, labels=LABELS[order])
    assert shuffled == pytest.approx(value(measure_id, x, y), rel=1e-7, abs=1e-9)


def test_permuting_what_was_prepared_is_preparing_what_was_permuted(measure_id):
    measure = registry.find(measure_id)
    orders = [np.random.default_rng(seed).permutation(N) for seed in range(3)]
    none = np.empty((0, N), dtype=np.int64)
    for members_count in (2, 10_000):
        statistic = measure.statistic.route(N, 6, members_count)
        x, y = draw(measure_id, 2)
        left = stack([statistic.prepare(Factors(x, "x", labels=LABELS))])
        prepared = statistic.prepare(Factors(y, "y", labels=LABELS))

        def against(right, statistic=statistic, left=left):
            block = compare_block(statistic, [measure.value], left, stack([right]), none)
            return block[0][0].item()

        changed = []
        for order in orders:
            again = statistic.prepare(Factors(y[order], "y", labels=LABELS[order]))
            permuted = against(statistic.permute(prepared, order))
            assert permuted == pytest.approx(against(again), rel=1e-9, abs=1e-9)
            changed.append(abs(permuted - against(prepared)) > 1e-9)
        # A share of 36 samples may come out the same by chance, but not each time.
        assert any(changed) == measure.declaration.ordered_samples


def test_zero_features_and_rotations_into_more_dimensions(measure_id):
    declaration = similarity.measure(measure_id)
    if "orthogonal" not in declaration.invariances:
        pytest.skip("only of measures that a rotation does not change")
    x, y = draw(measure_id, 4)
    wide = np.hstack([x, np.zeros((N, 3))])
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(10, 10)))[0]
    before = value(measure_id, x, y)
    assert close(value(measure_id, wide, y), before)
    assert close(value(measure_id, wide @ turn, y), before)


@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_huge_and_tiny_scales(measure_id, factor):
    declaration = similarity.measure(measure_id)
    if "scale" not in declaration.invariances:
        pytest.skip("depends on scale")
    if measure_id == "output.jensen_shannon":
        pytest.skip("depends on scale")
    x, y = draw(measure_id, 1)
    assert value(measure_id, x * factor, y) == pytest.approx(value(measure_id, x, y), rel=1e-6)


def test_gram_differences_of_huge_and_tiny_representations():
    x, y = draw("gram.relative", 1)
    expected = similarity.compare(x, y, "gram.relative")
    for factor in (1e-200, 1e200):
        scaled = similarity.compare(x * factor, y * factor, "gram.relative")
        assert scaled == pytest.approx(expected, rel=1e-12)
        assert similarity.compare(x * factor, x * factor, "gram.relative") == pytest.approx(0)
    scaled = similarity.compare(x * 2.0**300, y * 2.0**300, "gram.euclidean")
    assert scaled == pytest.approx(2.0**600 * similarity.compare(x, y, "gram.euclidean"))


def test_one_huge_sample():
    x, y = draw("knn.cknna", 1)
    x[-1] *= 1e150
    assert similarity.compare(x, x, "knn.cknna") == pytest.approx(1.0)
    with pytest.raises(
        ValueError, match=r"'x' is degenerate: sample \d+ is smaller than sample 35"
    ):
        similarity.compare(x, y, "procrustes.aligned_cosine")
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"'x'.* is not a number"):
        # An infinite size times a cosine of zero.
        signs = 1e200 * np.array([[1, 1, 0], [-1, 1, 0], [1, -1, 0], [-1, -1, 0]])
        similarity.compare(signs[:, :1], signs[:, 1:2], "hsic.linear")


def test_float16_input_is_taken_as_it_is(measure_id):
    x, y = (values.astype(np.float16) for values in draw(measure_id, 1))
    expected = value(measure_id, x.astype(np.float64), y.astype(np.float64))
    assert value(measure_id, x, y) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_float32_mode_is_as_close_as_the_docs_say(measure_id):
    declaration = similarity.measure(measure_id)
    for seed in range(3):
        some = members(measure_id, seed)
        rng = np.random.default_rng(seed)
        some["equal"] = some["m1"] + 1e-5 * rng.normal(size=some["m1"].shape)
        double = similarity.pairwise(some, [measure_id], labels=LABELS)[measure_id].values
        single = similarity.pairwise(some, [measure_id], labels=LABELS, precision="float32")
        off = ~np.eye(len(some), dtype=bool)
        finite = off & np.isfinite(double)
        error = np.abs(single[measure_id].values - double)[finite]
        size = np.abs(double[finite]).max()
        if declaration.larger_is_more_similar:
            assert error.max() <= 1e-5 * max(
                size, 1.0 if np.isfinite(declaration.range).all() else 0
            )
        else:
            # Between nearly equal representations half of the digits are left.
            far = double[finite] > 0.1 * size
            assert error[far].max() <= 1e-4 * size
            assert error.max() <= 2e-3 * size


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    n=st.integers(12, 24),
    p=st.sampled_from([1, 2, 5, 40]),
    q=st.sampled_from([1, 3, 30]),
    kind=st.sampled_from(["full", "rank", "duplicates", "dead", "integers", "constant"]),
    seed=st.integers(0, 10**6),
)
def test_any_shape_gives_a_value_in_range_or_an_error_with_a_reason(
    measure_id, n, p, q, kind, seed
):
    declaration = similarity.measure(measure_id)
    rng = np.random.default_rng(seed)
    if declaration.takes == "logits":
        p = q = 4
    x, y = rng.normal(size=(n, p)), rng.normal(size=(n, q))
    if kind == "rank":
        x = np.outer(rng.normal(size=n), rng.normal(size=p))
    elif kind == "duplicates":
        x = x[rng.integers(0, n // 2, n)]
    elif kind == "dead":
        x[:, 0] = 0.0
    elif kind == "integers":
        x = rng.integers(0, 2, (n, p))
    elif kind == "constant":
        x[:] = x[0]
    labels = rng.integers(0, 4, n)
    try:
        found = similarity.compare(x, y, measure_id, labels=labels)
    except ValueError as error:
        message = str(error)
        assert "'x'" in message or "'y'" in message or "sample" in message, message
        assert kind != "full" or p == 1 or q == 1, message
        return
    low, high = declaration.range
    assert low <= found <= high
