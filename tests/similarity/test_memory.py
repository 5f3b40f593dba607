"""n × n measures in little memory: what they hold, what they write, and what they refuse."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

from akp_keras import similarity

N = 700
IDS = [
    "cka.rbf",
    "cka.laplace.debiased",
    "distance_correlation",
    "rsa.spearman",
    "rsa.pearson.whitened",
    "distance_matrix.stress",
    "knn.mutual",
    "knn.cknna",
    "uniformity",
]


@pytest.fixture(scope="module")
def some():
    rng = np.random.default_rng(0)
    common = rng.normal(size=(N, 5))
    return {
        name: common @ rng.normal(size=(5, 12)) + rng.normal(size=(N, 12))
        for name in ("x", "y", "z")
    }


@pytest.fixture(scope="module")
def whole(some):
    return similarity.pairwise(some, IDS)


def test_values_from_files_are_those_from_memory(some, whole):
    from_files = similarity.pairwise(some, IDS, memory_gb=1e-5)
    off = ~np.eye(3, dtype=bool)
    for id in IDS:
        values, expected = from_files[id].values, whole[id].values
        np.testing.assert_allclose(values[off], expected[off], rtol=1e-12)
        # A distance of zero is known to half of the digits.
        np.testing.assert_allclose(values, expected, atol=1e-7)


@pytest.mark.parametrize("id", ["cka.rbf", "rsa.spearman", "distance_correlation", "knn.mutual"])
def test_half_a_matrix_is_the_most_that_is_held(id):
    rng = np.random.default_rng(0)
    n = 1200
    many = {name: rng.normal(size=(n, 4)) for name in "xyz"}
    tracemalloc.start()
    similarity.pairwise(many, [id], memory_gb=1e-5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # What is sorted, or of which a median is taken; stretches and panels come on top.
    assert peak < 0.5 * 8 * n * n + 20e6


def test_in_memory_a_pair_takes_less_than_four_matrices(some):
    for id in ("cka.rbf", "distance_correlation", "cka.laplace"):
        tracemalloc.start()
        similarity.compare(some["x"], some["y"], id)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * 8 * N * N, id


@pytest.mark.parametrize("spatial", [None, "flatten"])
def test_wide_layers_after_a_narrow_one_make_no_cross_products(spatial):
    rng = np.random.default_rng(0)
    layers = {f"layer{width}": rng.normal(size=(60, width)) for width in (2, 2000, 3000)}
    if spatial:
        layers = {name: values.reshape(60, 2, -1) for name, values in layers.items()}
    for options in ({}, {"columns": layers}, {"reference": "layer2"}):
        tracemalloc.start()
        similarity.pairwise(layers, ["cka.linear.debiased"], spatial=spatial, **options)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # A cross-product of the wide ones alone holds 48 MB.
        assert peak < 20e6


def test_values_are_those_of_plain_numpy(some, whole):
    x, y = some["x"], some["y"]
    d = [scipy.spatial.distance.pdist(v) for v in (x, y)]

    def alignment(k, m):
        h = np.eye(N) - 1 / N
        k, m = (h @ scipy.spatial.distance.squareform(v) @ h for v in (k, m))
        return np.vdot(k, m) / np.linalg.norm(k) / np.linalg.norm(m)

    rbf = alignment(*(-np.expm1(-np.square(v / np.median(v)) / 2) for v in d))
    assert whole["cka.rbf"].values[0, 1] == pytest.approx(rbf, rel=1e-10)
    root = np.sqrt(alignment(*d))
    assert whole["distance_correlation"].values[0, 1] == pytest.approx(root, rel=1e-10)
    correlations = [np.corrcoef(v)[np.triu_indices(N, 1)] for v in (x, y)]
    rho = scipy.stats.spearmanr(*correlations).statistic
    assert whole["rsa.spearman"].values[0, 1] == pytest.approx(rho, rel=1e-9)


def test_no_file_is_left(some, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def progress(done, total, what):
        seen.extend(Path(tmp_path).iterdir())

    similarity.pairwise(some, ["cka.rbf"], memory_gb=1e-5, progress=progress)
    assert seen and not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="'w' is degenerate"):
        similarity.pairwise({**some, "w": np.ones((N, 2))}, ["cka.rbf"], memory_gb=1e-5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("id", "n", "message"),
    [
        ("imd", 20_000, r"'imd' needs 8\.9 GiB for 20000 samples, and memory_gb is 2: take fewer"),
        ("riemannian.affine_invariant", 20_000, "needs 14.9 GiB"),
        ("rsa.tau_b", 20_000, "needs 17.9 GiB"),
        ("knn.second_order_cosine", 20_000, "needs 8.9 GiB"),
        ("cka.rbf", 100_000, r"'cka.rbf' needs 37.3 GiB for 100000 samples"),
        ("rsa.spearman", 100_000, "needs 37.3 GiB"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_work(id, n, message):
    x = np.zeros((n, 2))
    x[:, 0] = np.arange(n)
    with pytest.raises(ValueError, match=message) as error:
        similarity.pairwise({"x": x, "y": x}, [id], memory_gb=2)
    assert "\n" not in str(error.value)


def test_drawing_samples_of_large_matrices_again_is_refused():
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    for options in ({"null": 9}, {"interval": 0.95}):
        with pytest.raises(ValueError, match=r"20000 samples with null= or interval=, and memory"):
            similarity.pairwise({"x": x, "y": x}, ["distance_correlation"], memory_gb=2, **options)


def test_files_that_do_not_fit_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("usage", (), {"free": 10**9}))
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    with pytest.raises(ValueError, match=r"of temporary files .* 0\.9 GiB free: .* set TMPDIR"):
        similarity.pairwise({"x": x, "y": x}, ["distance_correlation"], memory_gb=2)
