"""Values that are known: from closed forms, from other libraries, and from one recipe of data."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import scipy.stats

from akp_keras.similarity import compare, pairwise
from akp_keras.similarity.factors import Factors
from akp_keras.similarity.nearest_neighbours import neighbours

pytestmark = pytest.mark.filterwarnings("ignore:.*perfect for any data")


@pytest.fixture(scope="module")
def recipe():
    """One data set on which known toolkits were compared: 300 samples, 40 and 64 features."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 300)
    latent = rng.normal(size=(10, 12))[labels] * 1.5 + rng.normal(size=(300, 12))
    return tuple(
        np.maximum(
            latent @ rng.normal(size=(12, width)) * 0.5 + 0.3 * rng.normal(size=(300, width)), 0
        )
        for width in (40, 64)
    )


@pytest.mark.parametrize(
    ("id", "expected", "digits"),
    [
        ("cka.linear", 0.701889, 6),
        ("cka.linear.debiased", 0.695803, 6),
        ("cka.rbf", 0.762, 3),  # Kornblith's bandwidth, t = 1
        ("cka.rbf[bandwidth=0.70710678]", 0.791, 3),  # exp(−d²/ℓ²), ℓ the median distance
        ("cka.rbf[bandwidth=0.5]", 0.810, 3),
        ("cka.rbf[bandwidth=0.2]", 0.953, 3),
        ("cka.rbf.debiased[bandwidth=0.2]", 0.470, 3),
        ("rsa.cosine.whitened", 0.7018888667, 10),
        ("rsa.pearson.whitened", 0.692, 3),
        ("rsa.spearman", 0.737318, 6),
        ("rsa.pearson", 0.779, 3),
        ("rsa.cosine", 0.978, 3),
        ("rsa.cosine[squared_euclidean]", 0.897, 3),
        ("rsa.pearson[squared_euclidean]", 0.474, 3),
        ("rsa.spearman[squared_euclidean]", 0.525, 3),
        ("cca.svcca[variance=0.99]", 0.7465, 4),
        ("cca.mean_squared", 0.597, 3),
        ("cca.angular", 0.9438, 4),
        ("cca.pwcca", 0.8504, 4),
        ("procrustes.angular", 0.596374, 6),
        ("procrustes.normalised", 0.587575, 6),
        ("procrustes.size_and_shape", 134.150, 3),
        ("bures.similarity", 1 - 0.172622, 6),
        ("bures.squared", 17996.1, 1),
        ("distance_matrix.norm[frobenius]", 1879.3, 1),
        ("distance_matrix.norm[vector]", 1328.9, 1),
        ("matching.best", 0.604, 3),
        ("matching.transport", 0.494, 3),
        ("uniformity", 0.215, 3),
    ],
)
def test_the_recipe_gives_the_known_values(recipe, id, expected, digits):
    assert round(compare(*recipe, id), digits) == expected


def test_pwcca_from_the_other_side_by_three_other_ways(recipe):
    # Weighted by Y, for which 0.8534 has been noted: each of these ways, none of which is that of
    # the library, gives 0.853314, so the fourth digit is 3.
    x, y = (centred(values) for values in recipe)

    def weighted(variates, correlations):
        weights = np.abs(variates.T @ y).sum(axis=1)
        return weights @ correlations / weights.sum()

    cross = y.T @ x @ np.linalg.solve(x.T @ x, x.T @ y)
    squares, vectors = scipy.linalg.eigh(cross, y.T @ y)
    top = np.argsort(squares)[::-1][:40]
    by_eigenproblem = weighted(y @ vectors[:, top], np.sqrt(squares[top]))

    whitening = [scipy.linalg.inv(scipy.linalg.sqrtm(v.T @ v)).real for v in (x, y)]
    _, rho, turn = np.linalg.svd(whitening[0] @ x.T @ y @ whitening[1], full_matrices=False)
    by_whitening = weighted(y @ whitening[1] @ turn.T, rho)

    (qx, _), (qy, _) = (scipy.linalg.qr(v, mode="economic") for v in (x, y))
    _, rho, turn = scipy.linalg.svd(qx.T @ qy, full_matrices=False)
    by_bases = weighted(qy @ turn.T, rho)

    for expected in (by_eigenproblem, by_whitening, by_bases):
        assert compare(recipe[1], recipe[0], "cca.pwcca") == pytest.approx(expected, rel=1e-9)
        assert expected == pytest.approx(0.853314, abs=5e-7)


@pytest.fixture(params=[(30, 8, 5), (25, 4, 40), (20, 60, 33)], ids=str)
def pair(request):
    n, p, q = request.param
    rng = np.random.default_rng(n)
    common = rng.normal(size=(n, 3))
    return tuple(
        common @ rng.normal(size=(3, width)) + rng.normal(size=(n, width)) + rng.normal(size=width)
        for width in (p, q)
    )


def centred(x):
    return x - x.mean(axis=0)


# --- other libraries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "comparison", "id"),
    [
        ("correlation", "spearman", "rsa.spearman[correlation]"),
        ("correlation", "corr", "rsa.pearson[correlation]"),
        ("correlation", "cosine", "rsa.cosine[correlation]"),
        ("correlation", "tau-a", "rsa.tau_a[correlation]"),
        ("correlation", "tau-b", "rsa.tau_b[correlation]"),
        ("correlation", "rho-a", "rsa.rho_a[correlation]"),
        ("correlation", "cosine_cov", "rsa.cosine.whitened[correlation]"),
        ("euclidean", "cosine_cov", "rsa.cosine.whitened[squared_euclidean]"),
        ("euclidean", "corr_cov", "rsa.pearson.whitened[squared_euclidean]"),
        ("euclidean", "spearman", "rsa.spearman[squared_euclidean]"),
        ("euclidean", "cosine", "rsa.cosine[squared_euclidean]"),
        ("euclidean", "cosine_cov", "cka.linear"),
    ],
)
def test_rsatoolbox_agrees(pair, kind, comparison, id):
    rdm = pytest.importorskip("rsatoolbox.rdm")
    data = pytest.importorskip("rsatoolbox.data")
    x, y = (rdm.calc_rdm(data.Dataset(values), method=kind) for values in pair)
    assert compare(*pair, id) == pytest.approx(rdm.compare(x, y, comparison).item(), rel=1e-9)


def test_rsatoolbox_agrees_on_bures(pair):
    rdm = pytest.importorskip("rsatoolbox.rdm")
    data = pytest.importorskip("rsatoolbox.data")
    x, y = (rdm.calc_rdm(data.Dataset(values), method="euclidean") for values in pair)
    assert compare(*pair, "bures.similarity") == pytest.approx(
        rdm.compare(x, y, "bures").item(), abs=1e-6
    )
    # Its dissimilarities are divided by the number of channels.
    x, y = (values / math.sqrt(values.shape[1]) for values in pair)
    rdms = (rdm.calc_rdm(data.Dataset(values), method="euclidean") for values in pair)
    assert compare(x, y, "bures.squared") == pytest.approx(
        rdm.compare(*rdms, "bures_metric").item(), rel=1e-5
    )


def test_dcor_agrees(pair):
    dcor = pytest.importorskip("dcor")
    assert compare(*pair, "distance_correlation") == pytest.approx(
        dcor.distance_correlation(*pair), rel=1e-12
    )
    assert compare(*pair, "distance_correlation.squared.debiased") == pytest.approx(
        dcor.u_distance_correlation_sqr(*pair), rel=1e-10
    )


def test_scipy_agrees_on_procrustes(pair):
    x, y = pair
    unit = [centred(values) / np.linalg.norm(centred(values)) for values in pair]
    scale = scipy.linalg.orthogonal_procrustes(*_padded(*unit))[1]
    assert compare(x, y, "bures.similarity") == pytest.approx(scale, rel=1e-10)
    assert compare(x, y, "procrustes.angular") == pytest.approx(np.arccos(scale), rel=1e-8)
    disparity = scipy.spatial.procrustes(*_padded(x, y))[2]
    assert 1 - compare(x, y, "bures.similarity") ** 2 == pytest.approx(disparity, rel=1e-9)


def _padded(x, y):
    width = max(x.shape[1], y.shape[1])
    return tuple(np.pad(values, ((0, 0), (0, width - values.shape[1]))) for values in (x, y))


def test_scipy_agrees_on_rank_correlations(pair):
    x, y = (1 - np.corrcoef(values)[np.triu_indices(len(values), 1)] for values in pair)
    assert compare(*pair, "rsa.spearman") == pytest.approx(scipy.stats.spearmanr(x, y)[0])
    assert compare(*pair, "rsa.pearson") == pytest.approx(scipy.stats.pearsonr(x, y)[0])
    assert compare(*pair, "rsa.tau_b") == pytest.approx(scipy.stats.kendalltau(x, y)[0])


def test_scikit_bio_agrees_on_the_correlation_of_distance_matrices(pair):
    skbio = pytest.importorskip("skbio")
    matrices = [
        skbio.DistanceMatrix(
            scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(values))
        )
        for values in pair
    ]
    for method in ("pearson", "spearman"):
        expected = skbio.stats.distance.mantel(*matrices, method=method, permutations=0)[0]
        assert compare(*pair, f"rsa.{method}[euclidean]") == pytest.approx(expected, rel=1e-9)


def test_pot_agrees_on_soft_matching(pair):
    ot = pytest.importorskip("ot")
    x, y = (scipy.stats.zscore(values) / math.sqrt(len(values)) for values in pair)
    cost = 1 - x.T @ y
    weights = [np.full(width, 1 / width) for width in cost.shape]
    assert compare(*pair, "matching.transport") == pytest.approx(
        1 - ot.emd2(*weights, cost), abs=1e-9
    )


def test_pot_agrees_where_transport_is_no_assignment():
    # Copies of 39 and 40 features are too many to assign, and a linear program is solved.
    ot = pytest.importorskip("ot")
    x, y = (np.random.default_rng(0).normal(size=(50, width)) for width in (39, 40))
    correlations = scipy.stats.zscore(x).T @ scipy.stats.zscore(y) / 50
    weights = [np.full(width, 1 / width) for width in (39, 40)]
    expected = 1 - ot.emd2(*weights, 1 - correlations)
    assert compare(x, y, "matching.transport") == pytest.approx(expected, abs=1e-9)


def test_scikit_learn_agrees_on_neighbours(pair):
    neighbors = pytest.importorskip("sklearn.neighbors")
    k = 6
    for metric in ("cosine", "euclidean"):
        sets = []
        for values in pair:
            search = neighbors.NearestNeighbors(n_neighbors=k, metric=metric).fit(values)
            sets.append([set(row) for row in search.kneighbors(return_distance=False)])
        jaccard = np.mean([len(a & b) / len(a | b) for a, b in zip(*sets, strict=True)])
        mutual = np.mean([len(a & b) / k for a, b in zip(*sets, strict=True)])
        assert compare(*pair, f"knn.jaccard[k={k},{metric}]") == pytest.approx(jaccard)
        assert compare(*pair, f"knn.mutual[k={k},{metric}]") == pytest.approx(mutual)


# --- definitions, written plainly --------------------------------------------------------------


def hsic_song(k, m):
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    ones = np.ones(n)
    total = np.trace(k @ m) + ones @ k @ ones * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (total - 2 / (n - 2) * ones @ k @ m @ ones) / (n * (n - 3))


def test_debiased_cka_and_unbiased_hsic_are_those_of_song(pair):
    k, m = (values @ values.T for values in pair)
    expected = hsic_song(k, m) / math.sqrt(hsic_song(k, k) * hsic_song(m, m))
    assert compare(*pair, "cka.linear.debiased") == pytest.approx(expected, rel=1e-9)
    k, m = (centred(values) @ centred(values).T for values in pair)
    assert compare(*pair, "hsic.linear.unbiased") == pytest.approx(hsic_song(k, m), rel=1e-9)


def test_biased_hsic_and_cka_by_the_centring_matrix(pair):
    n = len(pair[0])
    h = np.eye(n) - 1 / n
    k, m = (values @ values.T for values in pair)
    hsic = np.trace(k @ h @ m @ h) / (n - 1) ** 2
    assert compare(*pair, "hsic.linear") == pytest.approx(hsic, rel=1e-9)
    norms = np.linalg.norm(h @ k @ h) * np.linalg.norm(h @ m @ h)
    assert compare(*pair, "cka.linear") == pytest.approx(hsic * (n - 1) ** 2 / norms, rel=1e-10)
    assert compare(*pair, "gram.euclidean") == pytest.approx(np.linalg.norm(k - m), rel=1e-9)
    relative = np.linalg.norm(k - m) ** 2 / (np.trace(k) ** 2 + np.trace(m) ** 2)
    assert compare(*pair, "gram.relative") == pytest.approx(relative, rel=1e-9)


@pytest.mark.parametrize("kernel", ["rbf", "laplace"])
@pytest.mark.parametrize("debiased", [False, True])
def test_kernel_cka_by_its_definition(pair, kernel, debiased):
    kernels = []
    for values in pair:
        d = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(values))
        d /= 0.7 * np.median(d[np.triu_indices(len(d), 1)])
        kernels.append(np.exp(-(d**2) / 2) if kernel == "rbf" else np.exp(-d))

    def hsic(k, m):
        h = np.eye(len(k)) - 1 / len(k)
        return hsic_song(k, m) if debiased else np.trace(k @ h @ m @ h)

    k, m = kernels
    expected = hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))
    id = f"cka.{kernel}{'.debiased' if debiased else ''}[bandwidth=0.7]"
    assert compare(*pair, id) == pytest.approx(expected, rel=1e-8)


def test_minibatch_cka_sums_before_it_divides(pair):
    n = len(pair[0])
    whole = compare(*pair, f"cka.linear.minibatch[batch={n}]")
    assert whole == pytest.approx(compare(*pair, "cka.linear.debiased"), rel=1e-9)
    sums = np.zeros(3)
    for start in range(0, n - 7, 8):
        k, m = (v[start : start + 8] @ v[start : start + 8].T for v in pair)
        sums += hsic_song(k, m), hsic_song(k, k), hsic_song(m, m)
    expected = sums[0] / math.sqrt(sums[1] * sums[2])
    assert compare(*pair, "cka.linear.minibatch[batch=8]") == pytest.approx(expected, rel=1e-9)


def correlations(pair):
    bases = [scipy.linalg.orth(centred(values)) for values in pair]
    return bases, np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


def test_cca_family_from_canonical_correlations(pair):
    (qx, qy), rho = correlations(pair)
    r, s = qx.shape[1], qy.shape[1]
    x = centred(pair[0])
    assert compare(*pair, "cca.mean") == pytest.approx(rho.sum() / min(r, s))
    assert compare(*pair, "cca.mean_squared") == pytest.approx((rho**2).sum() / min(r, s))
    angle = np.arccos(min(1.0, rho.sum() / math.sqrt(r * s)))
    assert compare(*pair, "cca.angular") == pytest.approx(angle, abs=1e-7)
    assert compare(*pair, "shape.angular[alpha=0]") == pytest.approx(angle, abs=1e-7)
    whole = compare(*pair, "cca.svcca[variance=1]")
    assert whole == pytest.approx(compare(*pair, "cca.mean"))
    assert compare(*pair, "cca.regularised[ridge=0]") == pytest.approx(whole)
    gulp = math.sqrt(max(r + s - 2 * (rho**2).sum(), 0))
    assert compare(*pair, "gulp[penalty=0]") == pytest.approx(gulp, abs=1e-6)
    r_squared = np.linalg.norm(qy.T @ x) ** 2 / np.linalg.norm(x) ** 2
    assert compare(*pair, "regression.linear") == pytest.approx(r_squared)
    ux, uy = (scipy.linalg.orth(values) for values in pair)
    overlap = np.linalg.norm(ux.T @ uy) ** 2 / max(ux.shape[1], uy.shape[1])
    assert compare(*pair, "eigenspace_overlap") == pytest.approx(overlap)


def test_cross_decomposition_of_scikit_learn_agrees_on_one_canonical_correlation():
    cross = pytest.importorskip("sklearn.cross_decomposition")
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(60, 5)), rng.normal(size=(60, 1))
    y = y + x[:, :1]
    a, b = cross.CCA(n_components=1).fit_transform(x, y)
    assert compare(x, y, "cca.mean") == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_gulp_by_hat_matrices(pair, penalty):
    hats = []
    for values in pair:
        n, p = values.shape
        x = math.sqrt(n) * centred(values) / np.linalg.norm(centred(values))
        hats.append(x @ np.linalg.inv(x.T @ x / n + penalty * np.eye(p)) @ x.T / n)
    expected = np.linalg.norm(hats[0] - hats[1])
    assert compare(*pair, f"gulp[penalty={penalty}]") == pytest.approx(expected, rel=1e-7)


def test_procrustes_family_by_the_best_rotation(pair):
    x, y = _padded(*(centred(values) for values in pair))
    rotation = scipy.linalg.orthogonal_procrustes(x, y)[0]
    size_and_shape = np.linalg.norm(x @ rotation - y)
    assert compare(*pair, "procrustes.size_and_shape") == pytest.approx(size_and_shape, rel=1e-9)
    angle = compare(*pair, "procrustes.angular")
    assert compare(*pair, "procrustes.normalised") == pytest.approx(2 * math.sin(angle / 2))
    assert compare(*pair, "shape.angular[alpha=1]") == pytest.approx(angle)
    covariance = np.linalg.norm(x.T @ y, "nuc") / (len(x) - 1)
    assert compare(*pair, "pls.covariance") == pytest.approx(covariance)
    x, y = _padded(*pair)
    aligned = x @ scipy.linalg.orthogonal_procrustes(x, y)[0]
    cosines = (aligned * y).sum(axis=1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1)
    assert compare(*pair, "procrustes.aligned_cosine") == pytest.approx(cosines.mean(), rel=1e-9)


def test_permutation_alignment_finds_the_permutation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 9)) * rng.uniform(1, 2, 9)
    order = rng.permutation(9)
    assert compare(x, x[:, order], "procrustes.permutation") == pytest.approx(0, abs=1e-6)
    assert compare(x, x[:, order], "matching.hard") == pytest.approx(1)
    y = x[:, order] + 0.1 * rng.normal(size=(50, 9))
    expected = np.linalg.norm(centred(x[:, order]) - centred(y))
    assert compare(x, y, "procrustes.permutation") == pytest.approx(expected)


def test_neighbour_identities():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 6))
    y += x
    k, n = 7, 40
    cosines = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y)]
    cosines = [v @ v.T for v in cosines]
    order = [np.argsort(-(c - 9 * np.eye(n)), axis=1)[:, :k] for c in cosines]
    rank, joint, second, common, cycle = [], [], [], [], []
    for i in range(n):
        a, b = list(order[0][i]), list(order[1][i])
        both = sorted(set(a) & set(b))
        terms = [
            2 / ((1 + abs(a.index(j) - b.index(j))) * (a.index(j) + b.index(j) + 2)) for j in both
        ]
        harmonic = sum(1 / r for r in range(1, len(both) + 1)) or 1.0
        rank.append(sum(terms) / harmonic)
        joint.append(rank[-1] * len(both) / len(set(a) | set(b)))
        union = sorted(set(a) | set(b))
        u, v = cosines[0][i, union], cosines[1][i, union]
        second.append(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
        table = np.zeros((k + 1, k + 1), int)
        for s in range(k):
            for t in range(k):
                table[s + 1, t + 1] = (
                    table[s, t] + 1 if a[s] == b[t] else max(table[s, t + 1], table[s + 1, t])
                )
        common.append(table[k, k] / k)
        cycle.append(any(i in order[0][j] for j in b))
    assert compare(x, y, f"knn.rank[k={k},cosine]") == pytest.approx(np.mean(rank))
    assert compare(x, y, f"knn.rank_jaccard[k={k},cosine]") == pytest.approx(np.mean(joint))
    assert compare(x, y, f"knn.second_order_cosine[k={k}]") == pytest.approx(np.mean(second))
    assert compare(x, y, f"knn.common_subsequence[k={k},cosine]") == pytest.approx(np.mean(common))
    assert compare(x, y, f"knn.cycle[k={k},cosine]") == pytest.approx(np.mean(cycle))


def test_cknna_with_all_samples_as_neighbours_is_debiased_uncentred_alignment():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 6)), rng.normal(size=(20, 4))
    k, m = x @ x.T, y @ y.T
    expected = hsic_song(k, m) / math.sqrt(hsic_song(k, k) * hsic_song(m, m))
    assert compare(x, y, "knn.cknna[k=19]") == pytest.approx(expected, rel=1e-9)


def test_equal_samples_are_neighbours_of_each_other_and_never_of_themselves():
    x = np.repeat(np.random.default_rng(0).normal(size=(8, 3)), 4, axis=0)
    for metric in ("cosine", "euclidean", "inner"):
        nearest = neighbours(Factors(x, "x"), 3, metric)
        assert not (nearest == np.arange(32)[:, None]).any()
    nearest = neighbours(Factors(x, "x"), 3, "euclidean")
    np.testing.assert_array_equal(nearest // 4, np.arange(32)[:, None] // 4 + 0 * nearest)


def test_effective_dimensions():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 9))
    k, m = (centred(v) @ centred(v).T for v in (x, y))
    ratios = [np.trace(g) ** 2 / np.trace(g @ g) for g in (k, m)]
    expected = ratios[0] * ratios[1] * np.trace(k @ m) / (np.trace(k) * np.trace(m))
    assert compare(x, y, "ensd") == pytest.approx(expected)
    whitened = np.linalg.qr(centred(x))[0]
    assert compare(whitened, whitened, "ensd") == pytest.approx(6)


def test_summaries(pair):
    x, y = pair
    means = [np.linalg.norm(v.mean(axis=0)) for v in pair]
    assert compare(x, y, "magnitude") == pytest.approx(abs(means[0] - means[1]))
    expected = []
    for v in pair:
        rows = v / np.linalg.norm(v, axis=1, keepdims=True)
        d = scipy.spatial.distance.cdist(rows, rows, "sqeuclidean")
        mean = v.mean(axis=0)
        expected.append(
            (np.log(np.exp(-2 * d).mean()), (rows @ mean).mean() / np.linalg.norm(mean))
        )
    first, second = expected
    assert compare(x, y, "uniformity") == pytest.approx(abs(first[0] - second[0]))
    assert compare(x, y, "concentricity") == pytest.approx(abs(first[1] - second[1]))


def test_imd_sees_the_shape_of_a_cloud():
    # A ring has one loop and a ball none; rescaled and turned they stay what they are.
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 80)
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    again = 7 * np.stack([np.sin(angle + 1), 0 * angle, np.cos(angle + 1)], axis=1)
    ball = rng.normal(size=(80, 3))
    assert compare(ring, again, "imd") < 1e-3 * compare(ring, ball, "imd")


def test_affine_invariant_distance_by_matrix_logarithm(pair):
    n = len(pair[0])
    a, b = (centred(v) @ centred(v).T for v in pair)
    a, b = (n * g / np.trace(g) + 0.1 * np.eye(n) for g in (a, b))
    root = np.linalg.inv(scipy.linalg.sqrtm(a).real)
    expected = np.linalg.norm(scipy.linalg.logm(root @ b @ root))
    assert compare(*pair, "riemannian.affine_invariant") == pytest.approx(expected, rel=1e-6)


def test_functional_measures():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 50)
    a, b = (2 * np.eye(3)[labels] + rng.normal(size=(50, 3)) * s for s in (1.0, 1.6))
    wrong = [v.argmax(axis=1) != labels for v in (a, b)]
    errors = [w.mean() for w in wrong]
    dis = (a.argmax(axis=1) != b.argmax(axis=1)).mean()
    assert compare(a, b, "output.disagreement") == pytest.approx(dis)
    xor = (wrong[0] ^ wrong[1]).mean()
    assert compare(a, b, "output.error_inconsistency", labels=labels) == pytest.approx(xor)
    gap = abs(errors[0] - errors[1])
    assert compare(a, b, "output.accuracy_difference", labels=labels) == pytest.approx(gap)
    normalised = (dis - gap) / (min(sum(errors), 1) - gap)
    assert compare(a, b, "output.disagreement.normalised", labels=labels) == pytest.approx(
        normalised
    )
    p, q = (scipy.special.softmax(v, axis=1) for v in (a, b))
    jensen = scipy.spatial.distance.jensenshannon(p, q, base=2, axis=1) ** 2
    assert compare(a, b, "output.jensen_shannon") == pytest.approx(jensen.mean())
    # Probabilities of exactly zero are no NaN.
    assert compare(1e4 * a, 1e4 * b, "output.jensen_shannon") == pytest.approx(dis)
    with pytest.raises(ValueError, match="needs labels="):
        compare(a, b, "output.error_inconsistency")
    with pytest.raises(ValueError, match="'y' has 2 classes, 'x' has 3"):
        compare(a, b[:, :2], "output.disagreement")


def test_scikit_learn_agrees_on_kappa():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 80)
    a, b = (1.5 * np.eye(3)[labels] + rng.normal(size=(80, 3)) * s for s in (1.0, 1.6))
    predicted = [v.argmax(axis=1) for v in (a, b)]
    kappa = metrics.cohen_kappa_score(*predicted)
    assert compare(a, b, "output.cohen_kappa") == pytest.approx(kappa, rel=1e-12)
    right = [p == labels for p in predicted]
    kappa = metrics.cohen_kappa_score(*right)
    assert compare(a, b, "output.error_consistency", labels=labels) == pytest.approx(kappa)
    both = ~right[0] & ~right[1]
    same = (predicted[0] == predicted[1])[both].sum()
    ratio = (both.sum() - same) / same
    assert compare(a, b, "output.error_ratio", labels=labels) == pytest.approx(ratio, rel=1e-12)


def test_kappas_that_chance_leaves_undefined_are_refused():
    labels = np.array([0, 1, 0, 1, 0, 1])
    perfect, constant = np.eye(2)[labels], np.tile([1.0, 0.0], (6, 1))
    varied = np.eye(2)[[0, 1, 1, 1, 0, 0]]
    with pytest.raises(ValueError, match="'y' is degenerate: it predicts one class"):
        compare(varied, constant, "output.cohen_kappa")
    with pytest.raises(ValueError, match="'x' is degenerate: it is right on every sample"):
        compare(perfect, varied, "output.error_consistency", labels=labels)
    with pytest.raises(ValueError, match="'y' is not a number: no sample is wrong in both"):
        other = np.eye(2)[[1, 1, 0, 1, 0, 1]]
        compare(varied, other, "output.error_ratio", labels=labels)


def test_ensemble_gain_and_risk_coverage():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 80)
    logits = [1.5 * np.eye(3)[labels] + rng.normal(size=(80, 3)) * s for s in (1.0, 1.6)]
    p, q = (scipy.special.softmax(v, axis=1) for v in logits)
    accuracies = [metrics.accuracy_score(labels, v.argmax(axis=1)) for v in (p, q, (p + q) / 2)]
    gain = accuracies[2] - sum(accuracies[:2]) / 2
    assert compare(*logits, "output.ensemble_gain", labels=labels) == pytest.approx(gain)
    areas = []
    for v in (p, q):
        wrong = (v.argmax(axis=1) != labels)[np.argsort(-v.max(axis=1))]
        areas.append(np.mean([wrong[:k].mean() for k in range(1, 81)]))
    difference = compare(*logits, "output.aurc_difference", labels=labels)
    assert difference == pytest.approx(abs(areas[0] - areas[1]), rel=1e-9)
    # Of equal confidence everywhere, the risk is the error rate at any coverage.
    sure = [np.eye(3)[v.argmax(axis=1)] for v in logits]
    gap = abs(accuracies[0] - accuracies[1])
    assert compare(*sure, "output.aurc_difference", labels=labels) == pytest.approx(gap, rel=1e-9)


# --- closed forms ------------------------------------------------------------------------------


def test_half_of_an_orthonormal_representation():
    rng = np.random.default_rng(0)
    q = np.linalg.qr(centred(rng.normal(size=(100, 60))))[0]
    for id in ("cka.linear", "bures.similarity"):
        assert compare(q, q[:, :30], id) == pytest.approx(math.sqrt(0.5), rel=1e-12)
    assert compare(q, q[:, :30], "cca.mean") == pytest.approx(1, rel=1e-12)


def test_one_column():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50, 1))
    r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
    assert compare(a, b, "cka.linear") == pytest.approx(r**2, rel=1e-10)
    for id in ("bures.similarity", "cca.mean", "cca.svcca"):
        assert compare(a, b, id) == pytest.approx(abs(r), rel=1e-10)


def test_class_indicators():
    labels = np.repeat(np.arange(5), 8)
    one_hot = np.eye(5)[labels]
    copies = one_hot @ np.kron(np.eye(5), np.ones((1, 3))) * 2.5
    assert compare(one_hot, copies, "cka.linear") == pytest.approx(1, rel=1e-12)


def test_debiased_cka_of_independent_data_is_zero_and_the_biased_is_not():
    rng = np.random.default_rng(0)
    some = {i: rng.normal(size=(20, 200)) for i in range(20)}
    results = pairwise(some, ["cka.linear", "cka.linear.debiased"])
    pairs = np.triu_indices(20, 1)
    values = results["cka.linear.debiased"].values[pairs]
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(190)
    assert results["cka.linear"].values[pairs].mean() > 0.9


def test_one_minus_cka_is_no_metric_and_its_chord_is():
    # Angles of 40° and 40° on one side: the complement of the cosine breaks the triangle.
    rng = np.random.default_rng(1)
    for _ in range(5):
        q = np.linalg.qr(centred(rng.normal(size=(30, 12))))[0]
        some = {"x": q[:, :6], "middle": q, "y": q[:, 6:]}
        result = pairwise(some, ["cka.linear"])["cka.linear"]
        for d, holds in ((1 - result.values, False), (result.distance(), True)):
            assert (d[0, 2] <= d[0, 1] + d[1, 2] + 1e-9) == holds
