"""Digits: every route of a measure against a slow reference in extended precision.

References are the definitions, in `np.longdouble`, on data with samples up to 1e12 times as far as
others, offsets up to 1e6, scales of 1e±150 and lost ranks.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras import similarity

pytestmark = [
    pytest.mark.skipif(
        np.finfo(np.longdouble).eps > 1e-18, reason="extended precision is double precision here"
    ),
    pytest.mark.filterwarnings("ignore:.*perfect for any data", "error::RuntimeWarning"),
]


# --- references --------------------------------------------------------------------------------


def long(values):
    """Extended precision, about the median: a translation changes none of what is computed."""
    values = values.astype(np.longdouble)
    return values - np.median(values, axis=0)


def scaled(values):
    values = long(values)
    return values / np.abs(values).max()


def song(k, m):
    """n(n − 3) HSIC₁, Song et al. 2012, equation 5."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    totals = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (k * m).sum() + totals - 2 * (k.sum(axis=0) @ m.sum(axis=0)) / (n - 2)


def gretton(k, m):
    """tr(KHLH)."""
    k = k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean()
    m = m - m.mean(axis=0) - m.mean(axis=1)[:, None] + m.mean()
    return (k * m).sum()


def alignment(hsic, k, m):
    return hsic(k, m) / np.sqrt(hsic(k, k)) / np.sqrt(hsic(m, m))


def gram(x):
    x = scaled(x)
    return x @ x.T


def distances(x):
    x = scaled(x)
    return np.sqrt(np.square(x[:, None] - x[None]).sum(axis=2))


def kernel(name, bandwidth, x):
    d = distances(x)
    d = d / (bandwidth * np.median(d[np.triu_indices(len(d), 1)]))
    return np.expm1(-np.square(d) / 2 if name == "rbf" else -d)


def without_size(x):
    """‖x‖ and ‖y‖ taken off again where distances of a far sample would hide all others."""
    x = scaled(x)
    norms = np.sqrt(np.square(x).sum(axis=1))
    sums = norms[:, None] + norms[None, :]
    d = distances(x)
    products = norms[:, None] * norms[None, :] + x @ x.T
    with np.errstate(invalid="ignore"):
        rest = np.where(sums + d > 0, 2 * products / (sums + d), 0)
    np.fill_diagonal(rest, 0)
    return rest


def dissimilarities(kind, x):
    upper = np.triu_indices(len(x), 1)
    if kind in ("euclidean", "squared_euclidean"):
        d = distances(x)[upper]
        return np.square(d) if kind == "squared_euclidean" else d
    x = x.astype(np.longdouble)
    if kind == "correlation":
        x = x - x.mean(axis=1, keepdims=True)
    x = x / np.sqrt(np.square(x).sum(axis=1, keepdims=True))
    return np.square(x[upper[0]] - x[upper[1]]).sum(axis=1) / 2


def cosine(a, b):
    return a @ b / np.sqrt(a @ a) / np.sqrt(b @ b)


def pearson(a, b):
    return cosine(a - a.mean(), b - b.mean())


def singular_values(matrix):
    """One-sided Jacobi rotations."""
    u = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    u = u.copy()
    for _ in range(30):
        turned = False
        for i, j in itertools.combinations(range(u.shape[1]), 2):
            a, b, c = u[:, i] @ u[:, i], u[:, j] @ u[:, j], u[:, i] @ u[:, j]
            if np.abs(c) > 1e-19 * np.sqrt(a) * np.sqrt(b):
                turned = True
                zeta = (b - a) / (2 * c)
                t = (1 if zeta >= 0 else -1) / (np.abs(zeta) + np.sqrt(1 + zeta * zeta))
                cos = 1 / np.sqrt(1 + t * t)
                u[:, [i, j]] = u[:, [i, j]] @ np.array([[cos, cos * t], [-cos * t, cos]])
        if not turned:
            break
    return np.sqrt(np.square(u).sum(axis=0))


def bures(x, y):
    x, y = (scaled(v) - scaled(v).mean(axis=0) for v in (x, y))
    norms = np.sqrt(np.square(x).sum()) * np.sqrt(np.square(y).sum())
    return singular_values(x.T @ y).sum() / norms


def relative_gram(x, y):
    x, y = (v.astype(np.longdouble) for v in (x, y))
    size = max(np.abs(x).max(), np.abs(y).max())
    k, m = (v / size @ (v / size).T for v in (x, y))
    return np.square(k - m).sum() / (np.trace(k) ** 2 + np.trace(m) ** 2)


def of_grams(hsic):
    return lambda x, y: alignment(hsic, gram(x), gram(y))


def of_kernels(hsic, name, bandwidth):
    return lambda x, y: alignment(hsic, *(kernel(name, bandwidth, v) for v in (x, y)))


def of_dissimilarities(compare, kind):
    return lambda x, y: compare(dissimilarities(kind, x), dissimilarities(kind, y))


TRANSLATED = {
    "cka.linear": of_grams(gretton),
    "cka.linear.debiased": of_grams(song),
    "ensd": lambda x, y: (
        np.trace(centred(gram(x)))
        * np.trace(centred(gram(y)))
        * gretton(gram(x), gram(y))
        / gretton(gram(x), gram(x))
        / gretton(gram(y), gram(y))
    ),
    "cka.rbf[bandwidth=1]": of_kernels(gretton, "rbf", 1),
    "cka.rbf.debiased[bandwidth=1]": of_kernels(song, "rbf", 1),
    "cka.rbf[bandwidth=1e+05]": of_kernels(gretton, "rbf", 1e5),
    "cka.laplace[bandwidth=1]": of_kernels(gretton, "laplace", 1),
    "cka.laplace.debiased[bandwidth=1000]": of_kernels(song, "laplace", 1000),
    "distance_correlation": lambda x, y: np.sqrt(alignment(gretton, distances(x), distances(y))),
    "distance_correlation.squared.debiased": lambda x, y: alignment(
        song, without_size(x), without_size(y)
    ),
    "rsa.pearson[euclidean]": of_dissimilarities(pearson, "euclidean"),
    "rsa.cosine[squared_euclidean]": of_dissimilarities(cosine, "squared_euclidean"),
    "bures.similarity": bures,
}
NOT_TRANSLATED = {
    "rsa.pearson[cosine]": of_dissimilarities(pearson, "cosine"),
    "rsa.pearson[correlation]": of_dissimilarities(pearson, "correlation"),
    "rsa.cosine[correlation]": of_dissimilarities(cosine, "correlation"),
    "gram.relative": relative_gram,
}


def centred(k):
    return k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean()


# --- data --------------------------------------------------------------------------------------


@st.composite
def pairs(draw):
    """Two representations of samples of which some are far, off the origin, of any scale."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n = draw(st.integers(10, 18))
    common = rng.normal(size=(n, 2))
    arrays = []
    for _ in range(2):
        width = draw(st.integers(3, 6))
        x = common @ rng.normal(size=(2, width)) + rng.normal(size=(n, width))
        if draw(st.booleans()):
            x = x[:, :2] @ rng.normal(size=(2, width))
        for row in draw(st.lists(st.integers(0, n - 1), max_size=2)):
            x[row] *= 10.0 ** draw(st.integers(0, 12))
        arrays.append(x)
    return arrays


def routes(x, y):
    """Values by features, by Gram matrices, as some of many, on disk, and from batches."""
    ids = list(TRANSLATED)
    streamed = ["cka.linear", "cka.linear.debiased", "ensd"]
    wide = [np.pad(v, ((0, 0), (0, 40))) for v in (x, y)]
    of_many = {"x": x, "y": y, "z": x[::-1]}
    batches = [{"x": x[i : i + 5], "y": y[i : i + 5]} for i in range(0, len(x), 5)]
    return {
        "by features": similarity.pairwise({"x": x, "y": y}, ids),
        "by Gram matrices": similarity.pairwise(dict(zip("xy", wide, strict=True)), ids),
        "on disk": similarity.pairwise(of_many, ids, memory_gb=1e-7),
        "in batches": similarity.pairwise_streaming(batches, streamed),
    }


@settings(max_examples=12, deadline=None, derandomize=True)
@given(pair=pairs())
def test_every_route_has_nine_digits_whatever_samples_are_far(pair):
    expected = {id: float(reference(*pair)) for id, reference in TRANSLATED.items()}
    for route, results in routes(*pair).items():
        for id in results:
            value = results[id].values[0, 1]
            assert value == pytest.approx(expected[id], rel=1e-9, abs=1e-9), (route, id)
    some = dict(zip("xy", pair, strict=True))
    single = similarity.pairwise(some, list(TRANSLATED), precision="float32")
    for id, result in single.items():
        assert result.values[0, 1] == pytest.approx(expected[id], rel=1e-5, abs=1e-5), id


@settings(max_examples=12, deadline=None, derandomize=True)
@given(pair=pairs(), exponent=st.integers(0, 6), power=st.sampled_from([-150, 0, 150]))
def test_offsets_and_scales_take_no_digits(pair, exponent, power):
    rng = np.random.default_rng(0)
    x, y = (v / np.abs(v).max(axis=1, keepdims=True) for v in pair)
    x, y = ((v + 10.0**exponent * rng.normal(size=v.shape[1])) * 10.0**power for v in (x, y))
    references = {**TRANSLATED, **NOT_TRANSLATED}
    expected = {id: float(reference(x, y)) for id, reference in references.items()}
    for precision, tolerance in (("float64", 1e-9), ("float32", 1e-5)):
        results = similarity.pairwise({"x": x, "y": y}, list(references), precision=precision)
        for id, result in results.items():
            value = result.values[0, 1]
            assert value == pytest.approx(expected[id], rel=tolerance, abs=tolerance), id


# --- faults that were ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def related():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 64))
    return x, x + rng.normal(size=(300, 64))


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1e6, 0.48722999993721),
        (1e7, 0.48723000358753),
        (1e8, 0.48723000395243),
        (1e12, 0.487230003993),
    ],
)
def test_debiased_cka_keeps_its_digits_beside_a_massive_activation(related, factor, expected):
    x, y = (values.copy() for values in related)
    x[3] *= factor
    y[3] *= factor
    id = "cka.linear.debiased"
    batches = [{"x": x[i : i + 50], "y": y[i : i + 50]} for i in range(0, 300, 50)]
    streamed = similarity.pairwise_streaming(batches, [id])[id].values[0, 1]
    for value in (similarity.compare(x, y, id), streamed):
        assert value == pytest.approx(expected, abs=1e-11)
    single = similarity.pairwise({"x": x, "y": y}, [id], precision="float32")[id]
    assert single.values[0, 1] == pytest.approx(expected, abs=1e-6)


def test_more_far_samples_than_are_kept_apart_are_counted_all_the_same():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(700, 4)) * 10.0 ** rng.uniform(-2, 4, size=(700, 1))
    y = x @ rng.normal(size=(4, 3)) + rng.normal(size=(700, 3))
    id = "cka.linear.debiased"
    by_gram = similarity.compare(*(np.pad(v, ((0, 0), (0, 900))) for v in (x, y)), id)
    batches = [{"x": x[i : i + 70], "y": y[i : i + 70]} for i in range(0, 700, 70)]
    streamed = similarity.pairwise_streaming(batches, [id])[id].values[0, 1]
    for value in (similarity.compare(x, y, id), streamed):
        assert value == pytest.approx(by_gram, abs=1e-9)


def test_wide_kernels_do_not_vanish_in_float32(related):
    x, y = related
    linear = similarity.compare(x, y, "cka.linear")
    for precision, tolerance in (("float64", 1e-6), ("float32", 1e-6)):
        some = {"x": x, "y": y}
        ids = ["cka.rbf[bandwidth=1000]", "cka.laplace[bandwidth=1000000]"]
        wide = similarity.pairwise(some, ids, precision=precision)
        # A wide kernel is 1 − d²/2σ², and the other 1 − d/σ.
        assert wide[ids[0]].values[0, 1] == pytest.approx(linear, abs=tolerance)
        squared = similarity.compare(x, y, "distance_correlation") ** 2
        assert wide[ids[1]].values[0, 1] == pytest.approx(squared, abs=tolerance)


def test_offset_data_in_float32_is_that_of_float64(related):
    x, y = (values + 1e4 for values in related)
    ids = [
        "rsa.pearson[cosine]",
        "rsa.spearman[correlation]",
        "knn.jaccard[k=10,cosine]",
        "knn.mutual[k=10,inner]",
        "riemannian.affine_invariant[ridge=1e-06]",
        "gram.relative",
        "eigenspace_overlap",
    ]
    double, single = (
        similarity.pairwise({"x": x, "y": x + 1e-2 * (y - x)}, ids, precision=precision)
        for precision in ("float64", "float32")
    )
    for id in ids:
        np.testing.assert_allclose(single[id].values, double[id].values, rtol=1e-5, atol=1e-12)
    assert double["knn.jaccard[k=10,cosine]"].values[0, 1] > 0.9


def test_kernels_too_narrow_to_see_two_samples_are_refused(related):
    x, y = related
    for id in ("cka.rbf[bandwidth=0.05]", "cka.laplace[bandwidth=0.01]"):
        with pytest.raises(ValueError, match=r"'x' is degenerate: at bandwidth=.* is the identity"):
            similarity.compare(x, y, id)


def test_huge_values_are_compared_without_warnings_or_refused(related):
    x, y = (1e200 * values[:40, :5] for values in related)
    ids = [id for id in similarity.list_measures() if not id.startswith("output")]
    results = similarity.pairwise({"x": x}, ids, columns={"y": y}, undefined="nan")
    expected = similarity.pairwise({"x": x / 1e200}, ids, columns={"y": y / 1e200})
    for id in ids:
        value = results[id].values[0, 0]
        if "scale" in similarity.measure(id).invariances:
            assert value == pytest.approx(expected[id].values[0, 0], rel=1e-7, abs=1e-9), id
    for id in ("hsic.linear", "pls.covariance", "bures.squared"):
        with pytest.raises(ValueError, match=f"{id} of 'x' and 'y' is not a number: it is beyond"):
            similarity.compare(x, y, id)
    assert similarity.compare(x, y, "procrustes.size_and_shape") == pytest.approx(
        1e200 * expected["procrustes.size_and_shape"].values[0, 0]
    )


def test_samples_that_are_all_equally_far_apart_are_refused():
    simplex = np.eye(8)
    other = np.random.default_rng(0).normal(size=(8, 3))
    for id in (
        "cka.linear.debiased",
        "distance_correlation.squared.debiased",
        "rsa.pearson[cosine]",
    ):
        with pytest.raises(ValueError, match=r"'x' is degenerate: .*(equally far|all equal)"):
            similarity.compare(simplex, other, id)
    # Of two features every sample correlates by 1 or −1, and here by 1.
    line = np.stack([np.arange(8.0), np.arange(8.0) - 3.0], axis=1)
    with pytest.raises(ValueError, match=r"'x' is degenerate: the correlation .* all equal"):
        similarity.compare(line, other, "rsa.pearson")


@pytest.mark.parametrize("id", ["cca.mean", "cca.mean_squared", "cca.angular", "gulp[penalty=0]"])
def test_singular_vectors_lose_digits_with_the_condition_number_alone(related, id):
    x, y = (values[:60, :5] for values in related)
    turn, other = (np.linalg.qr(np.random.default_rng(s).normal(size=(5, 5)))[0] for s in (1, 2))
    expected = similarity.compare(x, y, id)
    for condition, tolerance in ((1e4, 1e-10), (1e8, 1e-6)):
        stretched = x @ (turn * np.geomspace(1, condition, 5)) @ other
        assert similarity.compare(stretched, y, id) == pytest.approx(expected, rel=tolerance)
