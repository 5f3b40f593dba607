"""What every measure declares, held against what it does: positive and negative."""

import functools

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras import similarity
from akp_keras.similarity.declaration import INVARIANCES

N = 36
LABELS = np.random.default_rng(99).integers(0, 4, N)
# Every ninth sample looks like another class, so that networks have errors in common.
LOOKS = np.where(np.arange(N) % 9 == 0, (LABELS + 1) % 4, LABELS)
SEEDS = (0, 1, 2)


def draw(measure_id, seed, widths=(7, 5), noise=0.8):
    """Representations that share a part, or networks' logits, off the origin."""
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


def table(measure_id, rows, columns=None, **options):
    """The values of all pairs by name, NaN where the measure is not defined."""
    options = {"labels": LABELS, "undefined": "nan", **options}
    result = similarity.pairwise(rows, [measure_id], columns=columns, **options)[measure_id]
    return {
        (row, column): result.values[i, j]
        for i, row in enumerate(result.names)
        for j, column in enumerate(result.columns)
    }


def transformed(x, change, seed):
    rng = np.random.default_rng(1000 + seed)
    width = x.shape[1]
    if change == "orthogonal":
        return x @ np.linalg.qr(rng.normal(size=(width, width)))[0]
    if change == "scale":
        return 3.7 * x
    if change == "huge":
        return 1e150 * x
    if change == "tiny":
        return 1e-150 * x
    if change == "linear":
        return x @ scipy.linalg.expm(1.5 * rng.normal(size=(width, width)) / np.sqrt(width))
    if change == "permutation":
        return x[:, np.roll(rng.permutation(width), 1)]
    if change == "padding":
        return np.hstack([x, np.zeros((N, 3))])
    if change == "rotation into more dimensions":
        turn = np.linalg.qr(rng.normal(size=(width + 3, width + 3)))[0]
        return np.hstack([x, np.zeros((N, 3))]) @ turn
    return x + 3.0 * rng.normal(size=width) * x.std()


CHANGES = {
    **{invariance: invariance for invariance in INVARIANCES},
    "huge": "scale",
    "tiny": "scale",
    "padding": "orthogonal",
    "rotation into more dimensions": "orthogonal",
}


@functools.cache
def drawn_and_changed(measure_id, seed):
    """Values of x and y, of x changed in every way with y, and of x with y changed so."""
    x, y = draw(measure_id, seed)
    changes = list(CHANGES)
    if similarity.measure(measure_id).takes == "logits":
        changes = list(INVARIANCES)
    return (
        table(
            measure_id,
            {"x": x, "y": y, **{c: transformed(x, c, seed) for c in changes}},
            {"x": x, "y": y},
        ),
        table(measure_id, {"x": x}, {c: transformed(y, c, seed) for c in changes}),
    )


def close(a, b):
    # An angle or chord of two nearly equal representations has half of the digits.
    return a == pytest.approx(b, rel=2e-7, abs=2e-7 * max(1.0, abs(b)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_invariances_hold_where_declared_and_nowhere_else(measure_id, side):
    declaration = similarity.measure(measure_id)
    declared = declaration.invariances
    if side == "right":
        declared = declaration.right_invariances or declared
    unchanged = {}
    for seed in SEEDS:
        of_left, of_right = drawn_and_changed(measure_id, seed)
        before = of_left["x", "y"]
        for change, invariance in CHANGES.items():
            pair = of_left.get((change, "y")) if side == "left" else of_right.get(("x", change))
            if pair is not None:
                # Not a number where translated logits leave a single predicted class.
                same = close(pair, before)
                unchanged.setdefault((change, invariance), []).append(same)
    for (change, invariance), same in unchanged.items():
        if invariance in declared:
            assert all(same), f"{change} changes a value that is declared invariant"
        elif change in INVARIANCES:
            assert not all(same), f"{change} changes nothing, and that is not declared"


def test_symmetry(measure_id):
    same = []
    for seed in SEEDS:
        values = drawn_and_changed(measure_id, seed)[0]
        same.append(values["x", "y"] == pytest.approx(values["y", "x"], rel=1e-9))
    assert all(same) if similarity.measure(measure_id).symmetric else not all(same)


def test_range_and_self_value(measure_id):
    declaration = similarity.measure(measure_id)
    low, high = declaration.range
    for noise in (0.05, 3.0):
        x, y = draw(measure_id, 0, noise=noise)
        values = table(measure_id, {"x": x, "y": y})
        assert all(low <= v <= high for v in values.values())
        if declaration.self_value is not None:
            scale = max(1.0, abs(values["x", "y"]))
            for own in (values["x", "x"], values["y", "y"]):
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
        values = table(measure_id, {"x": x}, {"near": near, "far": far})
        difference = values["x", "near"] - values["x", "far"]
        nearer += (difference if declaration.larger_is_more_similar else -difference) > 0
    assert nearer >= 4


def members(measure_id, seed):
    """Eight representations: near, far, of several widths."""
    rng = np.random.default_rng(seed)
    drawn = draw(measure_id, seed, widths=(3, 7, 5, 12, 6))
    near = [drawn[1] + 0.1 * rng.normal(size=drawn[1].shape) for _ in range(3)]
    return {f"m{i}": values for i, values in enumerate([*drawn, *near])}


@functools.cache
def all_pairs(measure_id, seed):
    return similarity.pairwise(members(measure_id, seed), [measure_id], labels=LABELS)[measure_id]


def test_distances_obey_the_triangle_inequality_and_embed_where_declared(measure_id):
    declaration = similarity.measure(measure_id)
    if not declaration.distances:
        with pytest.raises(ValueError, match="has no distance form"):
            all_pairs(measure_id, 0).distance()
        return
    assert declaration.metric, "a declared distance form is a metric"
    assert declaration.symmetric
    for seed in range(3):
        result = all_pairs(measure_id, seed)
        for form in declaration.distances:
            d = result.distance(form)
            np.testing.assert_array_equal(d, d.T)
            np.testing.assert_array_equal(np.diagonal(d), 0.0)
            detour = (d[:, :, None] + d[None, :, :]).min(axis=1)
            assert (d <= detour + 1e-7 * d.max()).all()
        if declaration.hilbertian:
            d = result.distance()
            centring = np.eye(len(d)) - 1.0 / len(d)
            spectrum = np.linalg.eigvalsh(-0.5 * centring @ np.square(d) @ centring)
            assert spectrum[0] >= -1e-9 * max(spectrum[-1], 1e-300)


def test_pairwise_holds_what_compare_gives(measure_id):
    some = members(measure_id, 0)
    names = list(some)
    result = all_pairs(measure_id, 0)
    # In so little memory every representation is a tile of its own, and lies on disk.
    on_disk = similarity.pairwise(some, [measure_id], labels=LABELS, memory_gb=1e-6)[measure_id]
    # A distance of equal representations is known to half of the digits of its scale.
    scale = max(1.0, np.abs(result.values).max())
    np.testing.assert_allclose(on_disk.values, result.values, rtol=1e-7, atol=1e-7 * scale)
    for i, j in [(0, 1), (4, 2), (7, 3), (5, 5)]:
        expected = value(measure_id, some[names[i]], some[names[j]])
        assert result.values[i, j] == pytest.approx(expected, rel=1e-7, abs=1e-7 * scale)


def test_the_order_of_the_samples_on_both_sides_changes_nothing_but_where_declared(measure_id):
    declaration = similarity.measure(measure_id)
    x, y = draw(measure_id, 0)
    order = np.random.default_rng(1).permutation(N)
    shuffled = similarity.compare(x[order], y[order], measure_id, labels=LABELS[order])
    before = drawn_and_changed(measure_id, 0)[0]["x", "y"]
    if declaration.sequential:
        assert abs(shuffled - before) > 1e-3 or "batch=64" in measure_id
    else:
        assert shuffled == pytest.approx(before, rel=1e-7, abs=1e-9)


def value_of_permuted(measure_id, x, y, order):
    """The value where the right side's samples are permuted, and with them what it errs on."""
    declaration = similarity.measure(measure_id)
    z, labels = y[order], LABELS[order]
    if declaration.takes != "logits" or measure_id in LABEL_FREE:
        return similarity.compare(x, z, measure_id)
    a, b = x.argmax(axis=1), z.argmax(axis=1)
    wrong = a != LABELS, b != labels
    rates = [w.mean() for w in wrong]
    either = (wrong[0] ^ wrong[1]).mean()
    differ = (a != b).mean()
    both = np.sum(wrong[0] & wrong[1])
    least, most = abs(rates[0] - rates[1]), min(sum(rates), 1.0)
    by_chance = rates[0] * rates[1] + (1 - rates[0]) * (1 - rates[1])
    p, q = scipy.special.softmax(x, axis=1), scipy.special.softmax(z, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "output.error_inconsistency": either,
            "output.disagreement.normalised": np.clip((differ - least) / (most - least), 0, 1),
            "output.error_consistency": (1 - either - by_chance) / (1 - by_chance),
            "output.error_ratio": N * (differ - either) / (both - N * (differ - either)),
            "output.ensemble_gain": ((p + q).argmax(axis=1) == LABELS).mean() - 1 + sum(rates) / 2,
        }[measure_id]


LABEL_FREE = ("output.disagreement", "output.jensen_shannon", "output.cohen_kappa")


@pytest.mark.parametrize("width", [3, 16], ids=["by features", "by Gram matrices"])
def test_the_null_is_that_of_permuted_rows(measure_id, width):
    if not similarity.measure(measure_id).ordered_samples:
        with pytest.raises(ValueError, match="has no row-permutation null"):
            similarity.pairwise(members(measure_id, 0), [measure_id], labels=LABELS, null=3)
        return
    x, y = draw(measure_id, 2, widths=(width, width), noise=1.6)
    null = similarity.pairwise(
        {"x": x}, [measure_id], columns={"y": y}, labels=LABELS, null=4, seed=5
    )[measure_id].null
    rng = np.random.default_rng(5)
    values = [value_of_permuted(measure_id, x, y, rng.permutation(N)) for _ in range(4)]
    size = max(1.0, np.abs(values).max())
    assert null.mean[0, 0] == pytest.approx(np.mean(values), rel=1e-7, abs=1e-8 * size)
    expected = np.std(values, ddof=1)
    assert null.deviation[0, 0] == pytest.approx(expected, rel=1e-5, abs=1e-7 * size)


def test_float32_mode_is_as_close_as_the_docs_say(measure_id):
    declaration = similarity.measure(measure_id)
    some = members(measure_id, 1)
    rng = np.random.default_rng(1)
    some["equal"] = some["m1"] + 1e-5 * rng.normal(size=some["m1"].shape)
    double, single = (
        similarity.pairwise(some, [measure_id], labels=LABELS, precision=precision)[measure_id]
        for precision in ("float64", "float32")
    )
    off = ~np.eye(len(some), dtype=bool)
    finite = off & np.isfinite(double.values)
    error = np.abs(single.values - double.values)[finite]
    size = np.abs(double.values[finite]).max()
    np.testing.assert_array_equal(single.ranks, double.ranks)
    if declaration.larger_is_more_similar:
        bounded = np.isfinite(declaration.range).all()
        assert error.max() <= 1e-5 * max(size, 1.0 if bounded else 0)
    else:
        # Between nearly equal representations half of the digits are left.
        far = np.abs(double.values[finite]) > 0.1 * size
        assert error[far].max() <= 1e-4 * size
        assert error.max() <= 2e-3 * size


def test_float16_input_is_taken_as_it_is(measure_id):
    x, y = (values.astype(np.float16) for values in draw(measure_id, 1))
    values = table(
        measure_id,
        {"half": x, "double": x.astype(np.float64)},
        {"half": y, "double": y.astype(np.float64)},
    )
    assert values["half", "half"] == pytest.approx(values["double", "double"], rel=1e-9, abs=1e-9)


def test_perfect_for_any_data_where_ranks_are_full(measure_id):
    declaration = similarity.measure(measure_id)
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(size=(N, 2 * N)), rng.normal(size=(N, 4))
    if declaration.takes == "logits":
        assert not declaration.saturates
        return
    values = table(measure_id, {"wide": wide, "narrow": narrow})
    perfect = [
        declaration.self_value is not None and close(values[pair], declaration.self_value)
        for pair in (("narrow", "wide"), ("wide", "narrow"))
    ]
    assert (
        perfect
        == {
            "either": [True, True],
            "right": [True, False],
            "": [False, False],
        }[declaration.saturates]
    )
    if declaration.saturates:
        with pytest.warns(UserWarning, match="perfect for any data where a rank is n − 1, and .*y"):
            similarity.compare(narrow, wide, measure_id)


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


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    n=st.integers(12, 24),
    p=st.sampled_from([1, 2, 5, 40]),
    q=st.sampled_from([1, 3, 30]),
    kind=st.sampled_from(["full", "rank", "duplicates", "dead", "integers", "constant"]),
    seed=st.integers(0, 10**6),
)
@pytest.mark.filterwarnings("ignore:.*perfect for any data")
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
        result = similarity.compare(x, y, measure_id, labels=labels)
    except ValueError as error:
        message = str(error)
        assert "'x'" in message or "'y'" in message, message
        assert kind != "full" or p == 1 or q == 1, message
        return
    low, high = declaration.range
    assert low <= result <= high
